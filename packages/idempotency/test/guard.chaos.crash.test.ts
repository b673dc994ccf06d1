// The campaign of `npm run chaos -- idempotency`, short: every fault comes at least once. Real
// processes that are killed, a Redis with a replica of its own, real PostgreSQL.
import { seed } from '@payflow/testkit'
import { describe, expect, it } from 'vitest'
import { campaign } from './chaos/campaign.ts'
import { faultsARound } from './chaos/faults.ts'
import { Tally } from './chaos/tally.ts'
import { isExactlyOnce } from './chaos/verdict.ts'
import { guardedDatabase } from './support/guarded.ts'

describe('payments under the guard', () => {
  it('IDEM-05 IDEM-06 IDEM-16 happen exactly once each, whatever dies and whatever Redis forgets', async () => {
    await using database = await guardedDatabase()
    const tally = new Tally()
    const verdict = await campaign({
      payments: 300,
      clients: 12,
      every: 10,
      seed: seed(),
      isGuarded: true,
      database,
      tally,
      signal: AbortSignal.timeout(150_000),
    })
    const { byEffects, payments, ...rest } = verdict
    expect([...byEffects], JSON.stringify({ ...rest, seed: seed() })).toEqual([[1, payments]])
    expect(isExactlyOnce(verdict)).toBe(true)
    expect(payments).toBeGreaterThanOrEqual(300)
    expect(tally.faults.size).toBe(faultsARound)
  })
})
