// The mapping from the ledger's answers to ours, for answers that a real ledger rarely gives. The
// real one is asked in ledger-resolver.integration.test.ts.
import { describe, expect, it } from 'vitest'
import { ledgerResolver } from '../src/ledger/index.ts'

const resolveWith = (answer: object) =>
  ledgerResolver({
    ledger: { release: async () => answer as never },
    db: undefined as never,
    holdId: (row: { id: string }) => row.id,
  })({ id: 'payment-1' })

describe('ledgerResolver', () => {
  it.each([
    ['reversed', { outcome: 'created', state: 'released' }],
    ['reversed', { outcome: 'replayed', state: 'released' }],
    ['completed', { outcome: 'rejected', reason: 'already_captured' }],
    ['not_yet', { outcome: 'busy', cause: 'lock_timeout', retryAfterMs: 50 }],
    ['not_yet', { outcome: 'unknown', id: 'payment-1', retryAfterMs: 50 }],
  ])('answers %s to %o', async (outcome, answer) => {
    expect(await resolveWith(answer)).toBe(outcome)
  })

  it.each([
    { outcome: 'rejected', reason: 'id_invalid' },
    { outcome: 'conflict' },
    { outcome: 'created', state: 'released', hold: { capturedMinor: 5n } },
  ])('decides nothing on %o', async (answer) => {
    await expect(resolveWith(answer)).rejects.toMatchObject({
      code: 'REVERSAL_UNEXPECTED_ANSWER',
    })
  })
})
