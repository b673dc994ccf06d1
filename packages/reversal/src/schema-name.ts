import { ReversalError } from './errors.ts'

/** Where the logbook lives unless the caller says otherwise. */
export const DEFAULT_SCHEMA = 'reversal'

/** Checks a schema's name, so that it may stand in a statement as it is. */
export function schemaName(schema: string = DEFAULT_SCHEMA): string {
  if (typeof schema !== 'string' || !/^[a-z_][a-z0-9_]{0,62}$/.test(schema)) {
    throw new ReversalError(
      'REVERSAL_INVALID_OPTION',
      `schema ${JSON.stringify(schema)} must match [a-z_][a-z0-9_]{0,62}`,
    )
  }
  return schema
}
