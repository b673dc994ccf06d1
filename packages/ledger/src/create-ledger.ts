import { accountsOf } from './accounts.ts'
import { auditOf } from './audit.ts'
import { checkpointsOf } from './checkpoint.ts'
import { currenciesOf } from './currencies.ts'
import { groupsOf } from './groups.ts'
import { exportsOf } from './export.ts'
import type { Ledger, LedgerOptions } from './ledger.ts'
import { movesOf } from './moves.ts'
import { periodsOf } from './period.ts'
import { readsOf } from './reads.ts'
import { schemaName } from './schema-name.ts'
import { unitsOf } from './units.ts'

/**
 * A ledger in a schema of your database. It holds no connection and no state: create as many as you
 * like.
 *
 * @throws {@link LedgerError} with code `LEDGER_INVALID_OPTION` when the schema's name is not
 * plain.
 */
export function createLedger(options: LedgerOptions = {}): Ledger {
  const schema = schemaName(options.schema)
  return {
    schema,
    accounts: accountsOf(schema),
    currencies: currenciesOf(schema),
    ...movesOf(schema),
    ...groupsOf(schema),
    ...readsOf(schema),
    ...auditOf(schema),
    ...checkpointsOf(schema),
    ...unitsOf(schema),
    ...exportsOf(schema),
    ...periodsOf(schema),
  }
}
