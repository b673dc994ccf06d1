// notification-service is killed while it writes what an event says; the broker delivers it again.
import { randomUUID } from 'node:crypto'
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

describe('the consumer of payment events', () => {
  it.each([
    { probe: 'consumer.received', when: 'before it has begun', left: 0 },
    { probe: 'consumer.recorded', when: 'before the commit', left: 0 },
    { probe: 'consumer.committed', when: 'between commit and acknowledgement', left: 1 },
  ])('notifies and writes once when killed $when', async ({ probe, left }) => {
    const payment = paymentData()
    const { child } = inbox.service
    await child.arm(probe, 'kill')
    await inbox.completed(payment, randomUUID())
    expect(await child.exited).toMatchObject({ signal: 'SIGKILL' })
    expect(await rowsOf(payment.fromUserId)).toBe(left)
    expect(await inbox.mails(payment.fromUserId)).toHaveLength(left)

    await inbox.service.start()
    await waitFor(async () => (await rowsOf(payment.toUserId)) === 1, { timeoutMs: 60_000 })
    await waitFor(async () => (await inbox.waiting()) === 0)
    // The queue is in order, so whatever was to happen to the first has happened by now.
    const next = paymentData()
    await inbox.completed(next)
    await waitFor(async () => (await rowsOf(next.toUserId)) === 1, { timeoutMs: 60_000 })
    expect(await rowsOf(payment.fromUserId)).toBe(1)
    expect(await rowsOf(payment.toUserId)).toBe(1)
    expect(await inbox.mails(payment.fromUserId)).toHaveLength(1)
    expect(await inbox.mails(payment.toUserId)).toHaveLength(1)
  })
})

async function rowsOf(userId: string): Promise<number> {
  const rows = await inbox.database.db
    .selectFrom('notifications')
    .select('id')
    .where('user_id', '=', userId)
    .execute()
  return rows.length
}
