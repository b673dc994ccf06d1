/*
 * Goal: without RabbitMQ everything but the execution of payments works, and no payment hangs.
 * Method: the broker is killed, payments are made, the dispatch leash (3 s here, a minute in
 * production) runs out, and the broker comes back.
 */
import { waitFor } from '@payflow/testkit'
import { startStack, type Stack } from '@payflow-app/stack'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  auditAll,
  auditEnds,
  auditPayment,
  call,
  PASSWORD,
  settle,
  SOUND,
  User,
} from './src/index.ts'

let stack: Stack
let ada: User
let grace: User

beforeAll(async () => {
  stack = await startStack({
    env: { reversal: { DISPATCH_TIMEOUT_MS: '3000', REVERSAL_INTERVAL_MS: '500' } },
  })
  ;[ada, grace] = await Promise.all([User.register(stack.url), User.register(stack.url)])
})
afterAll(async () => {
  await stack?.stop()
})

describe('while RabbitMQ is away', () => {
  it('REV-13 REV-04 accepts payments, reverses them after the dispatch leash, and never executes them late', async () => {
    await stack.killServer('rabbitmq')

    const newcomer = await User.register(stack.url)
    expect(await newcomer.wallet()).toMatchObject({ balance: 100_000 })
    const login = await call(stack.url, 'POST', '/api/auth/login', {
      body: { email: ada.email, password: PASSWORD },
    })
    expect(login.status).toBe(200)
    expect((await ada.get('/api/transactions')).status).toBe(200)
    expect((await ada.get('/api/notifications')).status).toBe(200)

    const answers = await Promise.all(
      Array.from({ length: 5 }, () => ada.payUntilAnswered({ toUserId: grace.id, amount: 1000 })),
    )
    expect(answers.map((answer) => answer.status)).toEqual([202, 202, 202, 202, 202])
    expect(await ada.wallet()).toMatchObject({
      balance: 100_000,
      available: 95_000,
      pending: 5000,
    })

    for (const { body } of answers) {
      expect(await settle(ada, body.id, 30_000)).toMatchObject({
        status: 'FAILED',
        failureCode: 'reversed_timeout',
      })
    }
    expect(await ada.wallet()).toMatchObject({ balance: 100_000, available: 100_000, pending: 0 })

    await stack.startServer('rabbitmq')
    // A payment that goes through shows that the broker, the relay and the worker are back: what
    // was queued before it has been handled by then. Until they are, the leash reverses it.
    await waitFor(
      async () => {
        const { body } = await ada.payUntilAnswered({ toUserId: grace.id, amount: 700 })
        return (await settle(ada, body.id, 30_000)).status === 'COMPLETED'
      },
      { timeoutMs: 90_000, message: 'a payment to complete after the broker came back' },
    )
    for (const { body } of answers) {
      expect(await ada.payment(body.id)).toMatchObject({ status: 'FAILED' })
      expect(await auditPayment(stack, body.id)).toMatchObject({ postings: 0 })
    }
    expect(await ada.wallet()).toMatchObject({ balance: 99_300 })
    const ids = answers.map(({ body }) => body.id)
    await waitFor(
      async () => (await auditEnds(stack, ids)).every(({ notifications }) => notifications > 0),
      { message: 'the sender to be told of the reversals', timeoutMs: 60_000 },
    )
    // Once, and nobody else: the recipient has never heard of these payments.
    const reversed = { status: 'FAILED', resolvedBy: 'reversal', events: 1, postings: 0 }
    expect(await auditEnds(stack, ids)).toEqual(ids.map(() => ({ ...reversed, notifications: 1 })))
    const news = await grace.get<{ items: { paymentId: string }[] }>('/api/notifications')
    expect(news.body.items.filter(({ paymentId }) => ids.includes(paymentId))).toEqual([])
    expect(await auditAll(stack)).toMatchObject(SOUND)
  })
})
