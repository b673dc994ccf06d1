// Goal: one key per intended payment, kept exactly as long as its answer is open.
// Method: the rules as tables, and a storage that outlives the objects that use it.
import { describe, expect, it } from 'vitest'
import { createPayment, judge, pendingPayments } from '../src/pending-payment.ts'
import type { PaymentIntent } from '../src/pending-payment.ts'
import { memoryStorage } from './memory-storage.ts'

const intent: PaymentIntent = {
  userId: 'user-1',
  toUserId: 'user-2',
  toName: 'Grace Hopper',
  amount: 5000,
  currency: 'USD',
  note: ' lunch ',
}
const answer = (status: number, body: unknown = null, retryAfter: string | null = null) =>
  ({ kind: 'answer', status, body, retryAfter, isReplayed: false }) as const

const refusal = { type: 'https://payflow.dev/problems/insufficient-funds', detail: 'Too little.' }

describe('createPayment', () => {
  it('makes a new key for every intent, even for the same one again', () => {
    const keys = new Set(Array.from({ length: 500 }, () => createPayment(intent).key))
    expect(keys.size).toBe(500)
  })

  it('REV-10 makes one key, and a new one, for a failed payment that is tried again', () => {
    const failed = createPayment(intent)
    const again = createPayment(intent, '019e1a2b-0000-7000-8000-000000000000')
    expect(createPayment(intent, '019e1a2b-0000-7000-8000-000000000000')).toEqual(again)
    expect(again.key).toMatch(/^[\x21-\x7e]{1,255}$/)
    expect(again.key).not.toBe(failed.key)
    expect(createPayment(intent, '019e1a2b-0000-7000-8000-000000000001').key).not.toBe(again.key)
  })

  it('makes a key of visible ASCII that the server accepts', () => {
    expect(createPayment(intent).key).toMatch(/^[0-9a-f]{32}$/)
  })

  it('writes the body once, with the note trimmed or left out', () => {
    expect(JSON.parse(createPayment(intent).body)).toEqual({
      toUserId: 'user-2',
      amount: 5000,
      currency: 'USD',
      note: 'lunch',
    })
    expect(JSON.parse(createPayment({ ...intent, note: '  ' }).body)).not.toHaveProperty('note')
  })

  it.each([
    [{ kind: 'top_up' }, { amount: 5000, currency: 'USD' }],
    [{ kind: 'withdrawal' }, { amount: 5000, currency: 'USD' }],
    [
      { kind: 'refund', refundOf: 'payment-1' },
      { amount: 5000, note: 'lunch' },
    ],
  ] as const)('writes the body of %o', (more, body) => {
    expect(JSON.parse(createPayment({ ...intent, ...more }).body)).toEqual(body)
  })
})

describe('pendingPayments', () => {
  it('keeps every kind, and what was kept before there were kinds', () => {
    const storage = memoryStorage()
    const kinds = [{ kind: 'top_up' }, { kind: 'refund', refundOf: 'payment-1' }, {}] as const
    for (const kind of kinds) {
      const payment = createPayment({ ...intent, ...kind })
      expect(pendingPayments(storage, 'user-1').save(payment)).toBe(true)
      expect(pendingPayments(storage, 'user-1').get(payment.key)).toEqual(payment)
    }
  })

  it.each([{ kind: 'gift' }, { kind: 'refund' }, { kind: 'top_up', refundOf: 'payment-1' }])(
    'sends nothing of a kind it does not know: %o',
    (kind) => {
      const storage = memoryStorage()
      const payment = { ...createPayment(intent), ...kind }
      storage.setItem(`payflow.pending.user-1.${payment.key}`, JSON.stringify(payment))
      expect(pendingPayments(storage, 'user-1').list()).toEqual([])
    },
  )
  it('gives the same key and bytes back after a reload', () => {
    const storage = memoryStorage()
    const payment = createPayment(intent)
    expect(pendingPayments(storage, 'user-1').save(payment)).toBe(true)
    const reloaded = pendingPayments(storage, 'user-1')
    expect(reloaded.get(payment.key)).toEqual(payment)
    expect(reloaded.list()).toEqual([payment])
  })

  it('keeps two open payments apart', () => {
    const store = pendingPayments(memoryStorage(), 'user-1')
    const [first, second] = [createPayment(intent), createPayment(intent)]
    store.save(first)
    store.save(second)
    store.clear(first.key)
    expect(store.list()).toEqual([second])
  })

  it('shows one user nothing of another, even if one id begins with the other', () => {
    const storage = memoryStorage()
    const payment = createPayment(intent)
    pendingPayments(storage, 'user-1').save(payment)
    for (const other of ['user-2', 'user-', 'user-11', '']) {
      expect(pendingPayments(storage, other).list()).toEqual([])
      expect(pendingPayments(storage, other).get(payment.key)).toBeNull()
    }
  })

  it('says false when the browser does not keep the key', () => {
    const full = memoryStorage()
    full.setItem = () => {
      throw new DOMException('full', 'QuotaExceededError')
    }
    expect(pendingPayments(full, 'user-1').save(createPayment(intent))).toBe(false)
    const forgetful = { ...memoryStorage(), setItem: () => undefined }
    expect(pendingPayments(forgetful, 'user-1').save(createPayment(intent))).toBe(false)
  })

  it.each(['', '{', 'null', '{"key":"k"}', '[]'])(
    'leaves the unreadable entry %j alone',
    (text) => {
      const storage = memoryStorage()
      storage.setItem('payflow.pending.user-1.k', text)
      expect(pendingPayments(storage, 'user-1').list()).toEqual([])
    },
  )
})

describe('judge', () => {
  it('takes a 2xx that names the payment as accepted', () => {
    const verdict = { kind: 'accepted', paymentId: 'p-1' }
    expect(judge(answer(202, { id: 'p-1', status: 'PENDING' }), 0)).toEqual(verdict)
    expect(judge(answer(200, { id: 'p-1' }), 0)).toEqual(verdict)
  })

  it.each([408, 409, 425, 429, 500, 502, 503, 504, 599])('asks again after %i', (status) => {
    expect(judge(answer(status, refusal), 0).kind).toBe('again')
    expect(judge(answer(status), 0).kind).toBe('again')
  })

  it.each([400, 403, 404, 405, 413, 415, 422])('takes a %i of PayFlow as final', (status) => {
    expect(judge(answer(status, refusal), 0).kind).toBe('refused')
  })

  it.each([301, 304, 400, 403, 404, 407, 413, 451])(
    'takes a %i of somebody in between for no answer: the payment may have been made',
    (status) => {
      for (const body of [null, '<html>', {}, { type: 'about:blank' }, { type: 7 }]) {
        expect(judge(answer(status, body), 0).kind).toBe('again')
      }
    },
  )

  it('asks again when nothing came back', () => {
    expect(judge({ kind: 'none' }, 0).kind).toBe('again')
  })

  it.each([[null], ['<html>'], [{}], [{ id: 7 }], [{ id: '' }]])(
    'takes a 2xx with the body %j as no answer of ours',
    (body) => {
      expect(judge(answer(200, body), 0).kind).toBe('again')
    },
  )

  it('keeps the key over a 401, which says nothing about an earlier attempt', () => {
    expect(judge(answer(401), 0)).toEqual({ kind: 'sign-in' })
  })

  it('passes on Retry-After and the problem', () => {
    const body = { type: 'https://payflow.dev/problems/rate-limited', detail: 'Slow down.' }
    expect(judge(answer(429, body, '7'), 0)).toMatchObject({
      leastMs: 7_000,
      problem: { code: 'rate_limited', detail: 'Slow down.', status: 429 },
    })
  })
})
