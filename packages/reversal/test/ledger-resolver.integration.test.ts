// The adapter with a real ledger: holds that are open, captured, expired, or were never placed.
import { randomUUID } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import { createLedger, migrateLedger } from '@payflow/ledger'
import { createTestDatabase, spawnChild, waitFor } from '@payflow/testkit'
import type { Kysely } from 'kysely'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createReversal } from '../src/index.ts'
import type { Reversal } from '../src/index.ts'
import { ledgerPreview, ledgerResolver, ledgerResolverInTransaction } from '../src/ledger/index.ts'
import {
  effectsPerPayment,
  migratePayments,
  paymentOptions,
  paymentOptionsInside,
  statusOf,
} from './support/payments.ts'
import type { PaymentsDatabase } from './support/payments.ts'

const ledger = createLedger()
let database: Awaited<ReturnType<typeof createTestDatabase>>
let db: Kysely<PaymentsDatabase>
let debitAccountId: string
let creditAccountId: string

beforeAll(async () => {
  database = await createTestDatabase({
    migrate: async (empty) => {
      await migratePayments(empty)
      await migrateLedger(empty)
    },
    cacheKey: 'reversal-payments-and-ledger-2',
  })
  db = database.db as Kysely<PaymentsDatabase>
})
afterAll(() => database.dispose())
beforeEach(async () => {
  debitAccountId = randomUUID()
  creditAccountId = randomUUID()
  for (const id of [debitAccountId, creditAccountId]) {
    await ledger.accounts.create(db, { id, currency: 'USD', kind: 'liability' })
  }
})

async function stalePayment(): Promise<string> {
  const id = randomUUID()
  await db.insertInto('payments').values(rowOf(id)).execute()
  return id
}

function rowOf(id: string) {
  const created_at = new Date(Date.now() - 3_600_000)
  return { id, status: 'PENDING', failure_code: null, created_at, dispatched_at: null }
}

const hold = (id: string, expiresInMs?: number) =>
  ledger.hold(db, {
    id,
    debitAccountId,
    creditAccountId,
    amountMinor: 500n,
    currency: 'USD',
    ...(expiresInMs !== undefined && { expiresInMs }),
  })

const holdId = (row: { readonly id: string }): string => row.id
const modes = ['outside', 'inside'] as const
const jobOf = (mode: (typeof modes)[number]): Reversal =>
  mode === 'outside'
    ? createReversal(paymentOptions(db, { resolve: ledgerResolver({ ledger, db, holdId }) }))
    : createReversal(
        paymentOptionsInside(db, {
          resolveInTransaction: ledgerResolverInTransaction({ ledger, holdId }),
        }),
      )

describe('a config module', () => {
  it('is used so by the config module of the README', async () => {
    const id = await stalePayment()
    await hold(id)
    const config = fileURLToPath(new URL('../examples/reversal.config.ts', import.meta.url))
    const command = await spawnChild(new URL('../src/bin.ts', import.meta.url), {
      args: ['run', '--config', config],
      env: { DATABASE_URL: database.url },
    })
    expect(await command.exited).toMatchObject({ code: 0 })
    expect(command.stdout()).toContain('1 stale: 1 reversed')
    expect(await statusOf(db, id)).toBe('FAILED')
    expect(await ledger.lookup(db, id)).toMatchObject({ hold: { state: 'released' } })
  })
})

describe.each(modes)('a hold, decided %s the transaction that records', (mode) => {
  let reversal: Reversal
  beforeAll(() => {
    reversal = jobOf(mode)
  })

  it('REV-06 reverses what is held, and the hold can never be captured after', async () => {
    const id = await stalePayment()
    await hold(id)
    expect(await reversal.run()).toMatchObject({ reversed: 1 })
    expect(await statusOf(db, id)).toBe('FAILED')
    expect(await ledger.capture(db, { holdId: id })).toMatchObject({
      outcome: 'rejected',
      reason: 'hold_released',
    })
  })

  it('REV-06 completes what was captured', async () => {
    const id = await stalePayment()
    await hold(id)
    expect(await ledger.capture(db, { holdId: id })).toMatchObject({ outcome: 'created' })
    expect(await reversal.run()).toMatchObject({ completed: 1 })
    expect(await statusOf(db, id)).toBe('COMPLETED')
  })

  it('REV-06 reverses what was never held, and it can never be held after', async () => {
    const id = await stalePayment()
    expect(await reversal.run()).toMatchObject({ reversed: 1 })
    expect(await hold(id)).toMatchObject({ outcome: 'rejected', reason: 'hold_released' })
  })

  it('REV-06 reverses what had expired', async () => {
    const id = await stalePayment()
    await hold(id, 1)
    await waitFor(async () => (await ledger.balance(db, debitAccountId))?.pendingDebitsMinor === 0n)
    expect(await reversal.run()).toMatchObject({ reversed: 1 })
    expect(await statusOf(db, id)).toBe('FAILED')
  })

  it('REV-06 gives one answer when captures and jobs race for the same payments', async () => {
    const ids = await Promise.all(Array.from({ length: 40 }, stalePayment))
    for (const id of ids) await hold(id)
    const captures = Promise.all(ids.map((id) => ledger.capture(db, { holdId: id })))
    const runs = Promise.all([reversal.run(), reversal.run()])
    const captured = (await captures).map((result) => result.outcome === 'created')
    await runs
    await reversal.run()
    const effects = await effectsPerPayment(db)
    for (const [index, id] of ids.entries()) {
      expect({ id, status: await statusOf(db, id), effects: effects.get(id) }).toEqual({
        id,
        status: captured[index] === true ? 'COMPLETED' : 'FAILED',
        effects: 1,
      })
    }
  })
})

describe('ledgerResolverInTransaction', () => {
  it('REV-02 gives the money back in the transaction of the status, or not at all', async () => {
    const id = await stalePayment()
    await hold(id)
    const resolveInTransaction = ledgerResolverInTransaction({ ledger, holdId })
    const onResolved = () => Promise.reject(new Error('the hook failed'))
    const failing = createReversal(paymentOptionsInside(db, { resolveInTransaction, onResolved }))
    expect(await failing.run()).toMatchObject({ failed: 1 })
    expect(await ledger.lookup(db, id)).toMatchObject({ hold: { state: 'open' } })
    expect(await jobOf('inside').run()).toMatchObject({ reversed: 1 })
    expect(await ledger.lookup(db, id)).toMatchObject({ hold: { state: 'released' } })
  })

  it('REV-01 REV-02 ends each payment once beside workers that do the same', async () => {
    const ids = await Promise.all(Array.from({ length: 40 }, stalePayment))
    for (const id of ids) await hold(id)
    // A worker as rule 2 asks for: the row is locked first, money and status commit together.
    const work = async (id: string): Promise<string> =>
      await db.transaction().execute(async (trx) => {
        const row = await trx
          .selectFrom('payments')
          .select('id')
          .where('id', '=', id)
          .where('status', '=', 'PENDING')
          .forUpdate()
          .executeTakeFirst()
        if (row === undefined) return 'late'
        const captured = await ledger.capture(trx, { holdId: id })
        if (captured.outcome !== 'created') throw new Error(`a pending hold: ${captured.outcome}`)
        await trx
          .updateTable('payments')
          .set({ status: 'COMPLETED' })
          .where('id', '=', id)
          .execute()
        return 'captured'
      })
    const reversal = jobOf('inside')
    const workers = Promise.all(ids.map(work))
    await Promise.all([reversal.run(), reversal.run()])
    const answers = await workers
    await reversal.run()
    for (const [index, id] of ids.entries()) {
      const captured = answers[index] === 'captured'
      expect({ id, status: await statusOf(db, id) }).toEqual({
        id,
        status: captured ? 'COMPLETED' : 'FAILED',
      })
      expect(await ledger.lookup(db, id)).toMatchObject({
        hold: { state: captured ? 'captured' : 'released' },
      })
    }
  })
})

describe('ledgerPreview', () => {
  it('tells in a report how rows would end, and changes nothing', async () => {
    const [open, captured, unknown] = [await stalePayment(), await stalePayment(), randomUUID()]
    await hold(open)
    await hold(captured)
    await ledger.capture(db, { holdId: captured })
    const resolve = ledgerResolver({ ledger, db, holdId })
    const preview = ledgerPreview({ ledger, db, holdId })
    const { rows } = await createReversal(paymentOptions(db, { resolve, preview })).report()
    const found = new Map(rows.map(({ id, wouldBe }) => [id, wouldBe]))
    expect(found.get(open)).toBe('reversed')
    expect(found.get(captured)).toBe('completed')
    expect(await preview({ id: unknown })).toBe('reversed')
    expect(await ledger.lookup(db, open)).toMatchObject({ hold: { state: 'open' } })
    expect(await ledger.lookup(db, unknown)).toBeNull()
    await jobOf('outside').run()
  })
})
