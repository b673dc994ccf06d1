import { createHash } from 'node:crypto'
import { FUNCTION_ACCESS } from '../sql/access.ts'
import { functions } from '../sql/functions.ts'
import { insertCurrencies } from './0001-currencies.ts'
import { guards } from './0001-guards.ts'
import { tables } from './0001-tables.ts'
import { tablesOf0003 } from './0003-tables.ts'
import { dropFunctions } from './drop-functions.ts'
import { RELEASED } from './released.ts'

/** One step of the schema's history. */
export interface NumberedMigration {
  readonly name: string
  /** What it runs in the schema `s`. Empty: a later migration makes anew all that this one made. */
  readonly statements: (s: string) => readonly string[]
  /** SHA-256 of its text, in hexadecimal digits; the same whatever the schema is called. */
  checksum(): string
}

/**
 * The history of the schema, oldest first.
 *
 * Tables and functions are migrated apart. A migration of tables is frozen by its release. The
 * functions exist once, in `sql/`, as they are today, and the *newest* migration of functions drops
 * all and creates all: so a migration never leaves a function of one release beside one of another,
 * and signatures may change freely. A release that changes any function therefore
 *  1. makes its present last line `superseded(…)`, whose checksum `released.ts` has pinned, and
 *  2. adds `numbered('ledger_NNNN_functions', functionsAnew)` as the new last line,
 * even when it changes no table; new tables go before that line in a migration of their own.
 * A new database then runs only the newest functions, and an old one is brought to the same.
 */
export const MIGRATIONS: readonly NumberedMigration[] = [
  numbered('ledger_0001_tables', (s) => [...tables(s), insertCurrencies(s), ...guards(s)]),
  superseded('ledger_0002_functions'),
  numbered('ledger_0003_complete', tablesOf0003),
  numbered('ledger_0004_functions', functionsAnew),
]

// To its names add those that only an earlier release has, once one is taken out.
function functionsAnew(s: string): readonly string[] {
  return [dropFunctions(s, Object.keys(FUNCTION_ACCESS)), ...functions(s)]
}

function numbered(name: string, statements: (s: string) => readonly string[]): NumberedMigration {
  return { name, statements, checksum: () => checksumOf(statements) }
}

function superseded(name: string): NumberedMigration {
  return {
    name,
    statements: () => [],
    checksum() {
      const released = RELEASED[name]
      if (released === undefined) throw new Error(`${name} was never released`)
      return released
    },
  }
}

// Of the text for one certain schema: the same migration has one checksum everywhere.
function checksumOf(statements: (s: string) => readonly string[]): string {
  return createHash('sha256').update(statements('ledger').join(';\n')).digest('hex')
}
