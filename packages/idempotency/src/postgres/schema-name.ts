import { IdempotencyError } from '../errors.ts'

/** Where the table lives unless the caller says otherwise. */
export const defaultSchema = 'idempotency'

/** The schema's name, quoted for SQL; it is the only text that is ever put into a statement. */
export function quoteSchema(schema: string = defaultSchema): string {
  if (typeof schema === 'string' && /^[a-z_][a-z0-9_]{0,62}$/.test(schema)) return `"${schema}"`
  throw new IdempotencyError(
    'IDEMPOTENCY_OPTIONS_INVALID',
    `schema must match [a-z_][a-z0-9_]{0,62}, not ${String(schema)}`,
  )
}
