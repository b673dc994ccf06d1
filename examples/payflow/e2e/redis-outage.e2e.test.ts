/*
 * Goal: Redis makes repetitions fast and nothing else. Without it payments are accepted, and one
 * key is one payment.
 * Method: Redis is killed and frozen, between requests and in the middle of one; an auditor counts.
 */
import { randomUUID } from 'node:crypto'
import { waitFor } from '@payflow/testkit'
import { startStack, type Stack } from '@payflow-app/stack'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { auditAll, auditKeys, settle, SOUND, User, type Answer, type Payment } from './src/index.ts'

let stack: Stack
let ada: User
let grace: User
/** Every key that was used, with the payment it stands for. */
const paid = new Map<string, string>()

beforeAll(async () => {
  stack = await startStack()
  ;[ada, grace] = await Promise.all([User.register(stack.url), User.register(stack.url)])
})
afterAll(async () => {
  await stack?.stop()
})

const isDegraded = ({ headers }: Answer<Payment>) => headers.get('idempotency-degraded') === 'true'
const isReplayed = ({ headers }: Answer<Payment>) => headers.get('idempotent-replayed') === 'true'

async function pay(key: string): Promise<Answer<Payment>> {
  const answer = await ada.payUntilAnswered({ toUserId: grace.id, amount: 100 }, key)
  expect(answer.status).toBe(202)
  if (!paid.has(key)) paid.set(key, answer.body.id)
  expect(answer.body.id).toBe(paid.get(key))
  return answer
}

/** Ten at once with one key, as a client that got impatient. */
async function payTenfold(key: string): Promise<Answer<Payment>[]> {
  return await Promise.all(Array.from({ length: 10 }, () => pay(key)))
}

describe('Redis', () => {
  it('being killed stops no payment, and makes none of one key twice', async () => {
    const before = randomUUID()
    expect(isDegraded(await pay(before))).toBe(false)
    await stack.killServer('redis')

    const during = randomUUID()
    const answers = await payTenfold(during)
    expect(answers.every(isDegraded)).toBe(true)
    expect(answers.filter((answer) => !isReplayed(answer)).length).toBeGreaterThan(0)
    expect(isReplayed(await pay(before))).toBe(true)
    const other = await ada.payUntilAnswered({ toUserId: grace.id, amount: 101 }, during)
    expect([other.status, other.body]).toMatchObject([422, { code: 'idempotency_key_reused' }])
    const ready = await fetch(`${stack.url}/health/ready`)
    expect(await ready.json()).toMatchObject({
      status: 'ready',
      checks: { redis: { status: 'down' } },
    })

    await stack.startServer('redis')
    await waitFor(async () => !isDegraded(await pay(randomUUID())), {
      message: 'Redis to be used again',
    })
    for (const key of [before, during]) expect(isReplayed(await pay(key))).toBe(true)
  })

  it('that is frozen costs a moment, not a payment', async () => {
    const { own } = stack.server('redis')
    const key = randomUUID()
    own?.freeze()
    try {
      const startedAt = performance.now()
      const answers = await payTenfold(key)
      expect(performance.now() - startedAt).toBeLessThan(5_000)
      expect(answers.every(isDegraded)).toBe(true)
    } finally {
      own?.resume()
    }
    await waitFor(async () => !isDegraded(await pay(randomUUID())), {
      message: 'Redis to be used again',
    })
    expect(isReplayed(await pay(key))).toBe(true)
  })

  it('that dies between the claim and the answer leaves the answer to PostgreSQL', async () => {
    const key = randomUUID()
    await stack.arm('transaction', 'payment.held', 'stop')
    const first = pay(key)
    await stack.reached('transaction', 'payment.held')
    await stack.killServer('redis')
    stack.go('transaction', 'payment.held')
    await first
    expect(isReplayed(await pay(key))).toBe(true)
    await stack.startServer('redis')
    expect(isReplayed(await pay(key))).toBe(true)
  })

  it('leaves one payment a key and books that add up', async () => {
    for (const id of paid.values()) {
      expect(await settle(ada, id, 20_000)).toMatchObject({ status: 'COMPLETED' })
    }
    expect(await auditAll(stack)).toMatchObject({ ...SOUND, payments: paid.size })
    expect(await auditKeys(stack)).toEqual({
      payments: Object.fromEntries(paid),
      undecided: [],
      heldWithoutPayment: [],
    })
  })
})
