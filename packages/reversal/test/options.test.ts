// Misuse is told at once, with a code, before anything touches a table.
import { Kysely, PostgresDialect } from 'kysely'
import pg from 'pg'
import { describe, expect, it } from 'vitest'
import { createReversal, ReversalError } from '../src/index.ts'
import { paymentOptions } from './support/payments.ts'
import type { PaymentsDatabase } from './support/payments.ts'

// A pool that never connects: no test here may need it.
const db = new Kysely<PaymentsDatabase>({ dialect: new PostgresDialect({ pool: new pg.Pool() }) })

const codeOf = (work: () => unknown): string | undefined => {
  try {
    work()
    return undefined
  } catch (error) {
    return ReversalError.is(error) ? error.code : String(error)
  }
}

describe('createReversal', () => {
  it('accepts options with every default', () => {
    expect(codeOf(() => createReversal(paymentOptions(db)))).toBeUndefined()
  })

  it.each([
    ['a leash of nothing', { dispatchTimeoutMs: 0 }],
    ['a negative leash', { processingTimeoutMs: -1 }],
    ['a leash in fractions', { dispatchTimeoutMs: 1.5 }],
    ['a leash that is not a number', { dispatchTimeoutMs: Number.NaN }],
    ['a leash longer than a month', { processingTimeoutMs: 32 * 86_400_000 }],
    ['an empty batch', { batchSize: 0 }],
    ['an unbounded batch', { batchSize: 10_001 }],
    ['no lane', { concurrency: 0 }],
    ['a run that settles nothing', { maxPerRun: 0 }],
    ['a budget beyond the longest timer', { timeBudgetMs: 2 ** 31 }],
    ['a cut-off that is no date', { notBefore: new Date('soon') }],
    ['a missing resolve', { resolve: undefined as never }],
    ['a table without a name', { table: '' as never }],
    [
      'a column without a name',
      { columns: { id: '' as never, status: 'status', createdAt: 'id' } },
    ],
    [
      'a settled status that is still pending',
      { statuses: { pending: 'PENDING', reversed: 'PENDING', completed: 'COMPLETED' } },
    ],
  ] as const)('refuses %s', (_, overrides) => {
    expect(codeOf(() => createReversal(paymentOptions(db, overrides)))).toBe(
      'REVERSAL_INVALID_OPTION',
    )
  })
})

describe('watch', () => {
  it.each([{ intervalMs: 5 }, { intervalMs: Number.NaN }, { jitterRatio: 2 }])(
    'refuses %o',
    async (options) => {
      await expect(createReversal(paymentOptions(db)).watch(options)).rejects.toMatchObject({
        code: 'REVERSAL_INVALID_OPTION',
      })
    },
  )

  it('ends at once when its signal was aborted before', async () => {
    const watching = createReversal(paymentOptions(db)).watch({ signal: AbortSignal.abort() })
    await expect(watching).resolves.toBeUndefined()
  })
})

describe('ReversalError', () => {
  it('is recognised by its brand, not by its class', () => {
    const error = new ReversalError('REVERSAL_INVALID_OPTION', 'text', { cause: 'reason' })
    expect(ReversalError.is(error)).toBe(true)
    expect(error).toMatchObject({ retryable: false, cause: 'reason', name: 'ReversalError' })
    expect(ReversalError.is(new Error('text'))).toBe(false)
    expect(ReversalError.is(undefined)).toBe(false)
  })
})
