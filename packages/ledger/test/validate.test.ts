/*
 * What is refused by its shape never reaches PostgreSQL: every call here is given an executor that
 * fails the test when it is touched.
 */
import { randomUUID } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { createLedger, createLedgerMigrations, type Executor, LedgerError } from '../src/index.ts'

const untouchable = new Proxy({} as Executor, {
  get(_, property) {
    throw new Error(`the database was touched: ${String(property)}`)
  },
})
const ledger = createLedger()
const transfer = {
  id: randomUUID(),
  debitAccountId: randomUUID(),
  creditAccountId: randomUUID(),
  amountMinor: 1n,
  currency: 'USD',
}
const account = { id: randomUUID(), currency: 'USD', kind: 'liability' as const }

const notAmounts: readonly (readonly [name: string, value: unknown])[] = [
  ['zero', 0n],
  ['a negative amount', -1n],
  ['more than a bigint column holds', 9_223_372_036_854_775_808n],
  ['a number', 100],
  ['NaN', Number.NaN],
  ['Infinity', Number.POSITIVE_INFINITY],
  ['1e21', 1e21],
  ['0.1 + 0.2', 0.1 + 0.2],
  ['2^53 + 1 as a number', 2 ** 53 + 1],
  ['a numeric text', '100'],
  ['a decimal text', '1.0'],
  ['null', null],
  ['an object', { valueOf: () => 1n }],
]

describe('amounts', () => {
  test.each(notAmounts)(
    'LEDGER-15 %s is rejected as amount_invalid before any SQL',
    async (_, value) => {
      const amountMinor = value as bigint
      const rejected = {
        outcome: 'rejected',
        reason: 'amount_invalid',
        detail: { field: 'amountMinor' },
      }
      expect(await ledger.transfer(untouchable, { ...transfer, amountMinor })).toEqual(rejected)
      expect(await ledger.hold(untouchable, { ...transfer, amountMinor })).toEqual(rejected)
      expect(await ledger.capture(untouchable, { holdId: transfer.id, amountMinor })).toEqual(
        rejected,
      )
    },
  )

  test('LEDGER-15 a transfer without an amount is rejected', async () => {
    const { amountMinor: _, ...rest } = transfer
    const result = await ledger.transfer(untouchable, rest as typeof transfer)
    expect(result).toMatchObject({ reason: 'amount_invalid' })
  })

  test.each([
    ['floorMinor', 1n],
    ['floorMinor', -5],
    ['floorMinor', -9_223_372_036_854_775_808n],
    ['ceilingMinor', -1n],
    ['ceilingMinor', 100],
    ['ceilingMinor', 9_223_372_036_854_775_808n],
  ])('a limit %s of %s is rejected', async (field, value) => {
    const result = await ledger.accounts.create(untouchable, { ...account, [field]: value })
    expect(result).toEqual({ outcome: 'rejected', reason: 'limits_invalid', detail: { field } })
  })
})

describe('shapes', () => {
  const cyclic: Record<string, unknown> = {}
  cyclic['self'] = cyclic

  test.each([
    ['an id that is no UUID', { id: 'payment-1' }, 'id_invalid'],
    ['an account that is no UUID', { debitAccountId: '' }, 'id_invalid'],
    ['an account that is missing', { creditAccountId: undefined }, 'id_invalid'],
    ['a currency in lower case', { currency: 'usd' }, 'currency_invalid'],
    ['a currency with a NUL', { currency: 'US\0' }, 'currency_invalid'],
    ['a code with a space', { code: 'pay out' }, 'code_invalid'],
    ['a code of 65 characters', { code: 'x'.repeat(65) }, 'code_invalid'],
    ['metadata that is a list', { metadata: [1] }, 'metadata_invalid'],
    ['metadata that is a text', { metadata: 'x' }, 'metadata_invalid'],
    ['metadata with a bigint', { metadata: { n: 1n } }, 'metadata_invalid'],
    ['metadata in a circle', { metadata: cyclic }, 'metadata_invalid'],
    ['metadata with a NUL', { metadata: { note: 'a\0b' } }, 'metadata_invalid'],
    ['metadata with half a surrogate pair', { metadata: { note: '\ud800' } }, 'metadata_invalid'],
    ['metadata beyond 16 KiB', { metadata: { note: 'é'.repeat(8_192) } }, 'metadata_too_large'],
    ['a time as text', { effectiveAt: '2026-01-01' }, 'effective_at_invalid'],
    ['a time that is none', { effectiveAt: new Date('x') }, 'effective_at_invalid'],
    ['a time before 1970', { effectiveAt: new Date(-1) }, 'effective_at_invalid'],
    ['a time after 9999', { effectiveAt: new Date('+010000-01-01') }, 'effective_at_invalid'],
    ['a date as metadata', { metadata: new Date(0) }, 'metadata_invalid'],
  ])('%s is rejected before any SQL', async (_, change, reason) => {
    const result = await ledger.transfer(untouchable, { ...transfer, ...change } as typeof transfer)
    expect(result).toMatchObject({ outcome: 'rejected', reason })
  })

  test.each([0, -1, 0.5, Number.NaN, 1e12, '1000', 1_000n])(
    'a hold that expires in %s is rejected',
    async (expiresInMs) => {
      const input = { ...transfer, expiresInMs: expiresInMs as number }
      const result = await ledger.hold(untouchable, input)
      expect(result).toMatchObject({ outcome: 'rejected', reason: 'expiry_invalid' })
    },
  )

  test('LEDGER-17 a transfer to the same account is rejected, however its id is written', async () => {
    const creditAccountId = transfer.debitAccountId.toUpperCase()
    const result = await ledger.transfer(untouchable, { ...transfer, creditAccountId })
    expect(result).toMatchObject({ outcome: 'rejected', reason: 'same_account' })
  })

  test('several things wrong are reported in the documented order', async () => {
    const wrong = {
      ...transfer,
      id: 'x',
      amountMinor: 0n,
      currency: 'usd',
      code: ' ',
      metadata: [],
      effectiveAt: new Date('x'),
    }
    const reasons: string[] = []
    const repairs = [
      { id: transfer.id },
      { amountMinor: 1n },
      { currency: 'USD' },
      { code: 'a' },
      { metadata: { note: 'x'.repeat(16_384) } },
      { metadata: null },
    ]
    let input = wrong as unknown as typeof transfer
    for (const repair of [{}, ...repairs]) {
      input = { ...input, ...repair }
      const result = await ledger.transfer(untouchable, input)
      reasons.push(result.outcome === 'rejected' ? result.reason : result.outcome)
    }
    expect(reasons).toEqual([
      'id_invalid',
      'amount_invalid',
      'currency_invalid',
      'code_invalid',
      'metadata_invalid',
      'metadata_too_large',
      'effective_at_invalid',
    ])
  })

  test('reads of an id that is no UUID find nothing', async () => {
    expect(await ledger.lookup(untouchable, 'x')).toBeNull()
    expect(await ledger.balance(untouchable, 'x')).toBeNull()
    expect(await ledger.accounts.get(untouchable, 'x')).toBeNull()
    expect(await ledger.entries(untouchable, { accountId: 'x', limit: 1 })).toEqual({
      entries: [],
      next: null,
    })
  })
})

describe('options', () => {
  test.each(['Ledger', 'a-b', 'a"b', '1a', '', 'x'.repeat(64), 'public', 'pg_', 'pg_ledger'])(
    'a schema named %j is refused',
    (schema) => {
      const error = thrownBy(() => createLedger({ schema }))
      expect(LedgerError.is(error)).toBe(true)
      expect(error).toMatchObject({ code: 'LEDGER_INVALID_OPTION', retryable: false })
    },
  )

  test.each([0, 1_001, 1.5, Number.NaN])('a page of %s entries is refused', async (limit) => {
    const page = ledger.entries(untouchable, { accountId: account.id, limit })
    await expect(page).rejects.toMatchObject({ code: 'LEDGER_INVALID_OPTION' })
  })
})

test.each([5, 'all', null, ['a'], true])('roles that are %j are refused', (roles) => {
  const error = thrownBy(() => createLedgerMigrations({ roles: roles as never }))
  expect(error).toMatchObject({ code: 'LEDGER_INVALID_OPTION' })
})

// The last four are each something that one way of printing a value throws for.
const noChoices = [1, null, 'true', {}, 1n, Symbol('x'), Object.create(null), { toString: null }]
describe.each(noChoices)('a choice of %o', (value) => {
  const wrong = value as never
  const { id } = account
  test.each([
    ['final', () => ledger.capture(untouchable, { holdId: id, final: wrong })],
    ['debits', () => ledger.accounts.freeze(untouchable, { id, debits: wrong })],
    ['credits', () => ledger.accounts.unfreeze(untouchable, { id, debits: true, credits: wrong })],
    ['order', () => ledger.entries(untouchable, { accountId: id, limit: 1, order: wrong })],
    ['isolation', () => ledger.run(untouchable as never, async () => 0, { isolation: wrong })],
  ])('as %s is refused before any SQL', async (name, act) => {
    const message = expect.stringContaining(`${name} must be one of`) as string
    await expect(act()).rejects.toMatchObject({ code: 'LEDGER_INVALID_OPTION', message })
  })
})

function thrownBy(act: () => unknown): unknown {
  try {
    act()
  } catch (error) {
    return error
  }
  throw new Error('nothing was thrown')
}
