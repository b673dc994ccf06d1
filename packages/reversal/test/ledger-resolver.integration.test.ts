// The adapter with a real ledger: holds that are open, captured, expired, or were never placed.
import { randomUUID } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import { createLedger, migrateLedger } from '@payflow/ledger'
import { createTestDatabase, spawnChild, waitFor } from '@payflow/testkit'
import type { Kysely } from 'kysely'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createReversal } from '../src/index.ts'
import type { Reversal } from '../src/index.ts'
import { ledgerResolver } from '../src/ledger/index.ts'
import { effectsPerPayment, migratePayments, paymentOptions } from './support/payments.ts'
import { statusOf } from './support/payments.ts'
import type { PaymentsDatabase } from './support/payments.ts'

const ledger = createLedger()
let database: Awaited<ReturnType<typeof createTestDatabase>>
let db: Kysely<PaymentsDatabase>
let reversal: Reversal
let debitAccountId: string
let creditAccountId: string

beforeAll(async () => {
  database = await createTestDatabase({
    migrate: async (empty) => {
      await migratePayments(empty)
      await migrateLedger(empty)
    },
    cacheKey: 'reversal-payments-and-ledger-1',
  })
  db = database.db as Kysely<PaymentsDatabase>
  reversal = createReversal(
    paymentOptions(db, { resolve: ledgerResolver({ ledger, db, holdId: (row) => row.id }) }),
  )
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

describe('ledgerResolver on a real ledger', () => {
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
