// Events in, notifications out: each once, to the right people, also while the broker comes and goes.
import { randomUUID } from 'node:crypto'
import {
  PasswordChanged,
  PasswordResetRequested,
  UserLocked,
} from '@payflow-app/contracts/messages'
import { expectProblem, send } from '@payflow-app/testing'
import { waitFor } from '@payflow/testkit'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Inbox, paymentData } from './support/inbox.ts'

let inbox: Inbox

beforeAll(async () => {
  inbox = await Inbox.start()
})
afterAll(async () => {
  await inbox[Symbol.asyncDispose]()
})

async function received(userId: string, count = 1) {
  return await waitFor(async () => {
    const items = await inbox.notifications(userId)
    return items.length >= count ? items : undefined
  })
}

describe('what an event becomes', () => {
  it('tells sender and recipient of a completed payment', async () => {
    const payment = paymentData()
    const { paymentId, fromUserId, toUserId } = payment
    await inbox.completed(payment)
    const [sent, ...noMore] = await received(fromUserId)
    expect(sent).toEqual({
      id: expect.any(String),
      kind: 'payment_sent',
      paymentId,
      counterpartyId: toUserId,
      amount: 5_000,
      currency: 'USD',
      text: 'Your payment of $50.00 has arrived.',
      createdAt: expect.any(String),
      readAt: null,
    })
    expect(noMore).toEqual([])
    expect(await received(toUserId)).toEqual([
      expect.objectContaining({
        kind: 'payment_received',
        counterpartyId: fromUserId,
        text: 'You have received $50.00.',
      }),
    ])
  })

  it('REV-10 tells the sender alone of a reversed payment, and why', async () => {
    const payment = { ...paymentData(1), failureCode: 'reversed_timeout' as const }
    await inbox.failed(payment)
    expect(await received(payment.fromUserId)).toEqual([
      expect.objectContaining({
        kind: 'payment_failed',
        failureCode: 'reversed_timeout',
        text: 'We could not complete your payment of $0.01 in time; your money was not moved.',
      }),
    ])
    expect(await inbox.notifications(payment.toUserId)).toEqual([])
  })

  it('is written once however often the event comes', async () => {
    const payment = paymentData()
    const eventId = randomUUID()
    await Promise.all(Array.from({ length: 10 }, () => inbox.completed(payment, eventId)))
    const last = paymentData()
    await inbox.completed(last)
    await received(last.toUserId)
    await waitFor(async () => (await inbox.waiting()) === 0)
    expect(await received(payment.fromUserId)).toHaveLength(1)
    expect(await received(payment.toUserId)).toHaveLength(1)
    expect(await inbox.mails(eventId)).toHaveLength(2)
  })

  it('writes a mail with each notification, which does not wait for the mail server', async () => {
    const payment = paymentData()
    const eventId = randomUUID()
    await inbox.completed(payment, eventId)
    await received(payment.toUserId)
    const mails = await inbox.mails(eventId)
    expect(mails.map(({ kind, userId }) => [kind, userId])).toEqual([
      ['payment_received', payment.toUserId],
      ['payment_sent', payment.fromUserId],
    ])
    // Nobody takes them. That is told, and required by nothing.
    await waitFor(async () => {
      const { status, body } = await send(`${inbox.service.url}/health/ready`)
      return status === 200 && body.checks.smtp.status === 'down'
    })
    expect(await inbox.mails(eventId)).not.toContainEqual(
      expect.objectContaining({ state: 'sent' }),
    )
  })

  it('writes a mail for each event about the safety of an account', async () => {
    const person = { userId: randomUUID(), email: 'ada@payflow.test', name: 'Ada' }
    const at = new Date(Date.now() + 60_000).toISOString()
    const asked = { ...person, token: 'secret-token', expiresAt: at }
    await inbox.bus.publish(PasswordResetRequested, asked)
    await inbox.bus.publish(PasswordChanged, { ...person, occurredAt: at, by: 'user' })
    await inbox.bus.publish(UserLocked, { ...person, occurredAt: at, lockedUntil: at })
    const mails = await waitFor(async () => {
      const written = await inbox.mails(person.userId)
      return written.length === 3 ? written : undefined
    })
    expect(mails.map(({ kind, secret }) => [kind, secret])).toEqual([
      ['account_locked', null],
      ['password_changed', null],
      ['password_reset', 'secret-token'],
    ])
    expect(await inbox.notifications(person.userId)).toEqual([])
    expect(inbox.service.child.stdout()).not.toContain('secret-token')
  })
})

describe('GET /notifications', () => {
  it('gives each notification once, newest first, page by page', async () => {
    const { fromUserId } = paymentData()
    for (let at = 1; at <= 7; at += 1) await inbox.completed({ ...paymentData(at), fromUserId })
    const all = await received(fromUserId, 7)
    const paged: unknown[] = []
    let cursor = ''
    for (let page = 0; page < 4; page += 1) {
      const { body } = await inbox.ask(fromUserId, `/notifications?limit=2${cursor}`)
      paged.push(...body.items)
      cursor = `&cursor=${body.nextCursor}`
      expect(body.nextCursor === null).toBe(page === 3)
    }
    expect(paged).toEqual(all)
    const times = all.map(({ createdAt }) => createdAt)
    expect(times).toEqual(times.toSorted().toReversed())
  })

  it('refuses faulty queries and callers', async () => {
    const { url } = inbox.service
    const userId = randomUUID()
    const zero = Buffer.from(`["0000-01-01T00:00:00.000000Z","${userId}"]`).toString('base64url')
    for (const query of ['limit=0', 'limit=101', 'limit=x', 'cursor=x', `cursor=${zero}`]) {
      const answer = await inbox.ask(userId, `/notifications?${query}`)
      expectProblem(answer, 400, 'validation_failed', query)
    }
    expectProblem(await send(`${url}/notifications`), 401, 'unauthenticated')
    expectProblem(await send(`${url}/notifications`, { token: 'x' }), 401, 'unauthenticated')
    expectProblem(await inbox.ask(userId, '/notifications', 'DELETE'), 405, 'method_not_allowed')
  })
})

describe('PUT /notifications/:id/read', () => {
  it('marks it once, for its owner only', async () => {
    const { fromUserId, toUserId, ...rest } = paymentData()
    await inbox.completed({ ...rest, fromUserId, toUserId })
    const [{ id } = { id: '' }] = await received(fromUserId)
    const path = `/notifications/${id}/read`

    expectProblem(await inbox.ask(toUserId, path, 'PUT'), 404, 'not_found')
    const first = await inbox.ask(fromUserId, path, 'PUT')
    const again = await inbox.ask(fromUserId, path, 'PUT')

    expect(first).toMatchObject({ status: 200, body: { id, readAt: expect.any(String) } })
    expect(again.body).toEqual(first.body)
    expect(await inbox.notifications(fromUserId)).toEqual([first.body])
  })

  it('answers 404 to unknown ids and 400 to what is no id', async () => {
    const userId = randomUUID()
    const unknown = await inbox.ask(userId, `/notifications/${randomUUID()}/read`, 'PUT')
    expectProblem(unknown, 404, 'not_found')
    for (const id of ['x', '%00', '__proto__', "1'--"]) {
      const answer = await inbox.ask(userId, `/notifications/${id}/read`, 'PUT')
      expectProblem(answer, 400, 'validation_failed', id)
    }
  })
})

describe('GET /notifications/unread', () => {
  it("counts a user's own, until they are read or deleted", async () => {
    const { fromUserId } = paymentData()
    for (let at = 1; at <= 3; at += 1) await inbox.completed({ ...paymentData(at), fromUserId })
    const [first, second] = await received(fromUserId, 3)
    const unread = async (userId: string) => (await inbox.ask(userId, '/notifications/unread')).body
    expect(await unread(fromUserId)).toEqual({ unread: 3 })
    await inbox.ask(fromUserId, `/notifications/${first?.id}/read`, 'PUT')
    await inbox.ask(fromUserId, `/notifications/${second?.id}`, 'DELETE')
    expect(await unread(fromUserId)).toEqual({ unread: 1 })
    expect(await unread(randomUUID())).toEqual({ unread: 0 })
  })
})

describe('DELETE /notifications/:id', () => {
  it('deletes it for its owner only, and for good', async () => {
    const payment = paymentData()
    const eventId = randomUUID()
    await inbox.completed(payment, eventId)
    const [{ id } = { id: '' }] = await received(payment.fromUserId)
    const path = `/notifications/${id}`
    expectProblem(await inbox.ask(payment.toUserId, path, 'DELETE'), 404, 'not_found')
    expect(await inbox.ask(payment.fromUserId, path, 'DELETE')).toMatchObject({ status: 204 })
    expectProblem(await inbox.ask(payment.fromUserId, path, 'DELETE'), 404, 'not_found')
    expectProblem(await inbox.ask(payment.fromUserId, '/notifications/x', 'DELETE'), 400)

    await inbox.completed(payment, eventId)
    const next = { ...paymentData(), fromUserId: payment.fromUserId }
    await inbox.completed(next)
    const [told, ...noMore] = await received(payment.fromUserId)
    expect([told?.paymentId, noMore]).toEqual([next.paymentId, []])
  })
})

describe('the preferences of a user', () => {
  const path = '/notifications/preferences'
  const set = (userId: string, json: unknown) => inbox.ask(userId, path, 'PUT', json)

  it('are on until they are switched off, which holds for mails that wait too', async () => {
    const payment = paymentData()
    const { fromUserId, toUserId } = payment
    const on = { paymentMails: true, securityMails: true }
    expect((await inbox.ask(fromUserId, path)).body).toEqual(on)
    await inbox.completed(payment)
    await received(toUserId)

    const off = { paymentMails: false, securityMails: true }
    expect((await set(fromUserId, { paymentMails: false })).body).toEqual(off)
    expect((await inbox.ask(fromUserId, path)).body).toEqual(off)
    const later = { ...paymentData(), fromUserId }
    await inbox.completed(later)
    await received(later.toUserId)
    const states = async (userId: string) => (await inbox.mails(userId)).map(({ state }) => state)
    await waitFor(async () => (await states(fromUserId)).every((state) => state === 'skipped'))
    expect(await states(fromUserId)).toHaveLength(2)
    expect(await states(toUserId)).not.toContain('skipped')
    expect(await inbox.notifications(fromUserId)).toHaveLength(2)

    expect((await set(fromUserId, { paymentMails: true })).body).toEqual(on)
  })

  it('cannot switch off what keeps an account safe', async () => {
    const userId = randomUUID()
    await set(userId, { paymentMails: false })
    for (const body of [{ securityMails: false }, { paymentMails: true, securityMails: false }]) {
      expectProblem(await set(userId, body), 400, 'validation_failed')
    }
    const at = new Date(Date.now() + 60_000).toISOString()
    const person = { userId, email: 'ada@payflow.test', name: 'Ada' }
    await inbox.bus.publish(PasswordChanged, { ...person, occurredAt: at, by: 'user' })
    const [mail] = await waitFor(async () => {
      const mails = await inbox.mails(userId)
      return mails.length === 1 ? mails : undefined
    })
    expect(mail?.state).not.toBe('skipped')
  })

  it('are set by many calls at once without one failing', async () => {
    const userId = randomUUID()
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, at) => set(userId, { paymentMails: at % 2 === 0 })),
    )
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200))
  })
})

describe('without the broker', () => {
  it('shows what there is, starts, and goes on when the broker is back', async () => {
    const payment = paymentData()
    await inbox.completed(payment)
    await received(payment.fromUserId)
    await inbox.rabbitmq.kill()
    await inbox.service.restart()
    expect(await inbox.notifications(payment.fromUserId)).toHaveLength(1)
    const ready = await send(`${inbox.service.url}/health/ready`)
    expect(ready).toMatchObject({ status: 200, body: { checks: { rabbitmq: { status: 'down' } } } })

    await inbox.rabbitmq.start()
    const later = paymentData()
    await waitFor(() => inbox.completed(later).then(() => true), { timeoutMs: 60_000 })
    await waitFor(async () => (await inbox.notifications(later.toUserId)).length === 1, {
      timeoutMs: 60_000,
    })
  })
})
