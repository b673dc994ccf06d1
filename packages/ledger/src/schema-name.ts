import { LedgerError } from './errors.ts'
import { shown } from './shown.ts'

/** Default schema of a ledger. */
export const DEFAULT_SCHEMA = 'ledger'

/** The name, which then is safe to write into SQL as it stands. */
export function schemaName(schema: string = DEFAULT_SCHEMA): string {
  if (typeof schema !== 'string' || !/^[a-z_][a-z0-9_]{0,62}$/.test(schema)) {
    throw new LedgerError(
      'LEDGER_INVALID_OPTION',
      `schema must be lower-case letters, digits and _, at most 63: ${shown(schema)}`,
    )
  }
  // Migrations revoke on the whole schema and give it to a role: it must be the ledger's alone.
  if (schema === 'public' || schema.startsWith('pg_')) {
    const message = `schema must be one of the ledger's own, not ${schema}`
    throw new LedgerError('LEDGER_INVALID_OPTION', message)
  }
  return schema
}
