// The campaign of `npm run chaos -- queue`, short: every fault comes once. Writers, relays and workers
// are processes that are killed and frozen, PostgreSQL and RabbitMQ belong to the test and fare no better.
import { seed } from '@payflow/testkit'
import { describe, expect, it } from 'vitest'
import { campaign } from './chaos/campaign.ts'
import { faults } from './chaos/faults.ts'
import { Tally } from './chaos/tally.ts'
import { isRight } from './chaos/verdict.ts'

const MESSAGES = 1_500

describe('messages from the outbox to their effects', () => {
  it('QUEUE-01 QUEUE-02 QUEUE-11 QUEUE-15 QUEUE-17 QUEUE-18 QUEUE-29 QUEUE-35 are handled exactly once each, whatever dies', async () => {
    const tally = new Tally()
    const verdict = await campaign({
      messages: MESSAGES,
      faults: faults.length,
      seed: seed(),
      tally,
      signal: AbortSignal.timeout(600_000),
    })
    expect(isRight(verdict), JSON.stringify({ ...verdict, seed: seed() })).toBe(true)
    expect(verdict.messages).toBeGreaterThanOrEqual(MESSAGES)
    expect(tally.faultsTotal).toBeGreaterThanOrEqual(faults.length)
  }, 900_000)
})
