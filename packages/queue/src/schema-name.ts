import { QueueError } from './errors.ts'

/** Where the tables live unless the caller says otherwise. */
export const DEFAULT_SCHEMA = 'queue'

/** The schema's name, quoted for SQL; it is the only text that is ever put into a statement. */
export function quoteSchema(schema: string = DEFAULT_SCHEMA): string {
  if (!/^[a-z_][a-z0-9_]{0,62}$/.test(schema)) {
    throw new QueueError(`schema "${schema}" must match [a-z_][a-z0-9_]{0,62}`, {
      code: 'QUEUE_INVALID_OPTIONS',
      retryable: false,
    })
  }
  return `"${schema}"`
}
