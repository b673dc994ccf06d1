import { randomUUID } from 'node:crypto'
import { createTestDatabase, type TestDatabase } from '@payflow/testkit'
import { sql } from 'kysely'
import {
  type AccountInput,
  createLedger,
  type Executor,
  type HoldInput,
  type Ledger,
  migrateLedger,
  type TransferInput,
} from '../../src/index.ts'

/** A migrated database of its own, a ledger, and requests with sensible defaults. */
export interface Fixture {
  readonly database: TestDatabase
  readonly db: Executor
  readonly ledger: Ledger
  /** A liability account that cannot go below zero, holding `fundsMinor`. */
  wallet(fundsMinor?: bigint, account?: Partial<AccountInput>): Promise<string>
  /** An account without limits. */
  account(account?: Partial<AccountInput>): Promise<string>
  /** The account that all funds come from. */
  readonly sourceId: string
  availableMinor(accountId: string): Promise<bigint>
  balanceMinor(accountId: string): Promise<bigint>
  journalRows(): Promise<number>
  close(): Promise<void>
  /** Closes, and throws when `verify` finds anything. */
  closeSound(): Promise<void>
}

export async function openFixture(options: { connectionsMax?: number } = {}): Promise<Fixture> {
  const database = await createTestDatabase({
    migrate: migrateLedger,
    cacheKey: 'ledger',
    connectionsMax: options.connectionsMax ?? 10,
  })
  const { db } = database
  const ledger = createLedger()
  const sourceId = await createAccount({ kind: 'asset' })

  async function createAccount(account: Partial<AccountInput>): Promise<string> {
    const id = randomUUID()
    const kind = 'liability'
    const result = await ledger.accounts.create(db, { id, currency: 'USD', kind, ...account })
    if (result.outcome !== 'created') throw new Error(`no account: ${result.outcome}`)
    return id
  }

  async function balanceOf(accountId: string) {
    const balance = await ledger.balance(db, accountId)
    if (balance === null) throw new Error(`no account ${accountId}`)
    return balance
  }

  return {
    database,
    db,
    ledger,
    sourceId,
    account: (account = {}) => createAccount(account),
    async wallet(fundsMinor = 0n, account = {}) {
      const id = await createAccount({ floorMinor: 0n, ...account })
      if (fundsMinor > 0n) {
        const funded = await ledger.transfer(db, movement(sourceId, id, fundsMinor))
        if (funded.outcome !== 'created') throw new Error(`not funded: ${funded.outcome}`)
      }
      return id
    },
    availableMinor: async (id) => (await balanceOf(id)).availableMinor,
    balanceMinor: async (id) => (await balanceOf(id)).balanceMinor,
    async journalRows() {
      const { rows } = await sql<{ n: string }>`select count(*) as n from ledger.transfer`.execute(
        db,
      )
      return Number(rows[0]?.n)
    },
    close: () => database.dispose(),
    async closeSound() {
      const { findings } = await ledger.verify(db)
      await database.dispose()
      if (findings.length > 0) throw new Error(`unsound: ${JSON.stringify(findings)}`)
    },
  }
}

/** A transfer request with a new id. */
export function movement(
  debitAccountId: string,
  creditAccountId: string,
  amountMinor = 100n,
  rest: Partial<HoldInput> = {},
): TransferInput & Pick<HoldInput, 'expiresInMs'> {
  return {
    id: randomUUID(),
    debitAccountId,
    creditAccountId,
    amountMinor,
    currency: 'USD',
    ...rest,
  }
}

/** How many results ended in which way: `{ created: 1, 'rejected: insufficient_funds': 49 }`. */
export function tally(results: readonly { outcome: string }[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const result of results) {
    const { reason, cause } = result as { reason?: string; cause?: string }
    const why = reason ?? cause
    const key = why === undefined ? result.outcome : `${result.outcome}: ${why}`
    counts[key] = (counts[key] ?? 0) + 1
  }
  return counts
}

export const times = <T>(count: number, make: (index: number) => T): T[] =>
  Array.from({ length: count }, (_, index) => make(index))
