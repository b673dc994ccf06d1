// Everything that POST /transactions must refuse: with a problem that says why, never a 500, and
// without moving money.
import { randomUUID } from 'node:crypto'
import { badBodiesOf, expectProblem, send, type Outgoing } from '@payflow-app/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Payments, type User } from './support/payments.ts'

let payments: Payments
let ada: User
let bob: User

beforeAll(async () => {
  payments = await Payments.start()
  const [first, second] = await payments.users(2)
  if (!first || !second) throw new Error('two were asked for')
  ada = first
  bob = second
})
afterAll(async () => {
  await payments[Symbol.asyncDispose]()
})

function body(more: object = {}) {
  return { toUserId: bob.id, amount: 100, currency: 'USD', ...more }
}

async function post(outgoing: Outgoing) {
  const headers = { 'idempotency-key': randomUUID(), ...outgoing.headers }
  return await send(`${payments.transaction.url}/transactions`, {
    method: 'POST',
    token: ada.token,
    ...outgoing,
    headers,
  })
}

describe('POST /transactions', () => {
  it('refuses bodies that are none, and every field that is wrong', async () => {
    const kinds = { toUserId: 'id', amount: 'amount', currency: 'currency' } as const
    for (const { what, raw } of badBodiesOf(body(), kinds)) {
      const answer = await post({ raw })
      expectProblem(answer, answer.status === 413 ? 413 : 400, undefined, what)
    }
  })

  it('names the field that is wrong', async () => {
    const wrong: [object, string][] = [
      [{ amount: 0 }, '#/amount'],
      [{ toUserId: 'bob' }, '#/toUserId'],
      [{ currency: 'EUR' }, '#/currency'],
      [{ note: 'x'.repeat(141) }, '#/note'],
      [{ note: 7 }, '#/note'],
      [{ note: 'a\u0000b' }, '#/note'],
      [{ note: '\ud800' }, '#/note'],
      [{ fromUserId: bob.id }, '#/fromUserId'],
      [{ status: 'COMPLETED' }, '#/status'],
      [{ constructor: {} }, '#/constructor'],
    ]
    for (const [more, pointer] of wrong) {
      const answer = await post({ json: body(more) })
      expectProblem(answer, 400, 'validation_failed', pointer)
      expect(answer.body.errors).toContainEqual(expect.objectContaining({ in: 'body', pointer }))
    }
  })

  it('takes nothing from prototype keys', async () => {
    const { amount: _, ...rest } = body()
    const plain = JSON.stringify(rest).slice(1, -1)
    for (const key of ['__proto__', 'constructor', 'prototype']) {
      const answer = await post({ raw: `{${plain},"${key}":{"amount":100}}` })
      expectProblem(answer, 400, 'validation_failed', key)
    }
  })

  it('requires one well-formed Idempotency-Key', async () => {
    const { url } = payments.transaction
    const missing = await send(`${url}/transactions`, { token: ada.token, json: body() })
    expectProblem(missing, 400, 'idempotency_key_missing')
    for (const key of ['', ' ', 'a b', 'a, b', 'x'.repeat(256), 'schlüssel', 'a\tb']) {
      const answer = await post({ json: body(), headers: { 'idempotency-key': key } })
      expect(['idempotency_key_invalid', 'idempotency_key_missing']).toContain(answer.body.code)
      expectProblem(answer, 400, undefined, key)
    }
  })

  it('takes the longest key and the strangest characters that are allowed', async () => {
    for (const key of ['x'.repeat(255), '!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~', '__proto__']) {
      const answer = await post({ json: body(), headers: { 'idempotency-key': key } })
      expect(answer.status).toBe(202)
    }
    expect((await payments.balance(ada)).pending).toBe(300)
  })

  it('needs a valid token', async () => {
    const tokens = [
      undefined,
      'nonsense',
      await payments.issuer.accessToken(ada.id, { aud: 'somebody-else' }),
      await payments.issuer.accessToken('not-a-user-id'),
    ]
    for (const token of tokens) {
      expectProblem(await post({ json: body(), token }), 401, 'unauthenticated')
    }
  })

  it('answers wrong types and methods with problems', async () => {
    const raw = 'amount=100'
    const headers = { 'content-type': 'application/x-www-form-urlencoded' }
    expectProblem(await post({ raw, headers }), 415, 'unsupported_media_type')
    const zipped = { 'content-encoding': 'gzip' }
    expectProblem(await post({ json: body(), headers: zipped }), 415)
    expectProblem(await post({ method: 'PUT', json: body() }), 405, 'method_not_allowed')
  })

  it('has moved and reserved nothing but what it accepted', async () => {
    expect(await payments.balance(ada)).toEqual({
      balance: 100_000,
      available: 99_700,
      pending: 300,
    })
    expect(await payments.balance(bob)).toMatchObject({ balance: 100_000, pending: 0 })
    expect(await payments.stored(ada)).toEqual({ claims: 3, payments: 3, messages: 3 })
    expect(await payments.audit()).toBe(200_000)
  })
})
