/*
 * Goal: what enters through the contracts is safe to store, compare and add up.
 * Method: the values that break naive systems, fed to the schemas.
 */
import { describe, expect, test } from 'vitest'
import {
  acceptedTransaction,
  AMOUNT_MINOR_MAX,
  createTransactionRequest,
  idempotencyKeyField,
  PROBLEMS,
  queueBand,
  registerRequest,
  transactionListQuery,
} from '../src/index.ts'

const toUserId = '0199d5d0-7a00-7000-8000-000000000001'
const valid = { toUserId, amount: 5000, currency: 'USD' }

describe('createTransactionRequest', () => {
  test('takes whole minor units up to the limit and nothing else', () => {
    for (const amount of [1, 5000, AMOUNT_MINOR_MAX]) {
      expect(createTransactionRequest.safeParse({ ...valid, amount }).success).toBe(true)
    }
    const refused = [
      0,
      -1,
      0.5,
      1e-9,
      NaN,
      Infinity,
      AMOUNT_MINOR_MAX + 1,
      2 ** 53,
      '5000',
      null,
      [5],
    ]
    for (const amount of refused) {
      expect(createTransactionRequest.safeParse({ ...valid, amount }).success).toBe(false)
    }
  })

  test('lowers ids, so that one user has one spelling', () => {
    const parsed = createTransactionRequest.parse({ ...valid, toUserId: toUserId.toUpperCase() })
    expect(parsed.toUserId).toBe(toUserId)
  })

  test('refuses unknown fields, prototype keys among them', () => {
    const hostile: unknown = JSON.parse(
      `{"toUserId":"${toUserId}","amount":1,"currency":"USD","__proto__":{"amount":2}}`,
    )
    expect(createTransactionRequest.safeParse(hostile).success).toBe(false)
    expect(createTransactionRequest.safeParse({ ...valid, amonut: 1 }).success).toBe(false)
  })

  test('refuses notes that PostgreSQL cannot store or that deceive the eye', () => {
    for (const note of ['a\u0000b', 'a\ud800b', 'a\u202eb', 'x'.repeat(141)]) {
      expect(createTransactionRequest.safeParse({ ...valid, note }).success).toBe(false)
    }
    expect(createTransactionRequest.parse({ ...valid, note: ' Lunch 🍜 ' }).note).toBe('Lunch 🍜')
  })
})

describe('registerRequest', () => {
  test('makes one address of its spellings', () => {
    const parsed = registerRequest.parse({
      email: '  Annie@Example.COM ',
      password: 'correct horse',
      name: 'Annie',
    })
    expect(parsed.email).toBe('annie@example.com')
  })
})

describe('idempotencyKeyField', () => {
  test('takes 1 to 255 visible ASCII characters', () => {
    for (const key of ['a', '"quoted"', 'x'.repeat(255)]) {
      expect(idempotencyKeyField.safeParse(key).success).toBe(true)
    }
    for (const key of ['', 'a b', 'a, b', 'é', 'x'.repeat(256), 'a\n']) {
      expect(idempotencyKeyField.safeParse(key).success).toBe(false)
    }
  })
})

describe('transactionListQuery', () => {
  test('defaults the page size and refuses what is no page size', () => {
    expect(transactionListQuery.parse({}).limit).toBe(20)
    expect(transactionListQuery.parse({ limit: '100' }).limit).toBe(100)
    for (const limit of ['0', '101', '-1', '1e2', '', '0x10', ['5', '6']]) {
      expect(transactionListQuery.safeParse({ limit }).success).toBe(false)
    }
  })
})

describe('acceptedTransaction', () => {
  test('is PENDING with the one message', () => {
    const body = {
      ...valid,
      id: toUserId,
      kind: 'payment',
      fromUserId: toUserId,
      status: 'PENDING',
      message: 'Transaction received. Processing.',
      createdAt: '2026-11-22T13:31:00.000Z',
    }
    expect(acceptedTransaction.safeParse(body).success).toBe(true)
    expect(acceptedTransaction.safeParse({ ...body, status: 'COMPLETED' }).success).toBe(false)
  })
})

describe('PROBLEMS', () => {
  test('are client or server errors with kebab-case codes', () => {
    for (const [code, { status, title }] of Object.entries(PROBLEMS)) {
      expect(code).toMatch(/^[a-z]+(-[a-z]+)*$/)
      expect(status).toBeGreaterThanOrEqual(400)
      expect(title).not.toBe('')
    }
  })
})

describe('queueBand', () => {
  test('has the bounds 50 and 200', () => {
    expect([0, 50, 51, 200, 201].map(queueBand)).toEqual([
      'fine',
      'fine',
      'busy',
      'busy',
      'delayed',
    ])
  })
})
