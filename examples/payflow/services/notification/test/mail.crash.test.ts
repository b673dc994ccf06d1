/*
 * Goal: no event without its mail, and a second copy in one window only: between the mail server's
 * 250 and the record of it. Both copies have one Message-ID.
 * Method: the process that sends is killed at each point of a mail's way, and at what the mail
 * server sees of it. The leases of the dead end at once, rather than in minutes.
 */
import { waitFor } from '@payflow/testkit'
import { sql } from 'kysely'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { writePaymentMails } from '../src/sql/payment-mails.ts'
import { MailRoom, paymentMail, type Person } from './support/mail-room.ts'

let room: MailRoom

beforeAll(async () => {
  room = await MailRoom.start()
})
afterEach(() => room.server.behave())
afterAll(async () => {
  await room[Symbol.asyncDispose]()
})

/** Starts the service again and returns the copies of a mail, once another mail has come after it. */
async function copiesAfterRestart(to: Person, eventId: string) {
  await room.endLeases()
  await room.service.start()
  await room.until(eventId, 'sent')
  const next = await room.person()
  await room.write(paymentMail(next))
  await room.received(next)
  return room.server.to(to.email)
}

describe('a process that is killed', () => {
  it.each([
    { probe: 'mail.claimed', when: 'with a mail in hand', copies: 1 },
    { probe: 'mail.addressed', when: 'before it has talked to the mail server', copies: 1 },
    { probe: 'mail.taken', when: "between the server's 250 and the record of it", copies: 2 },
    { probe: 'mail.recorded', when: 'after the record', copies: 1 },
  ])('$when: copies = $copies', async ({ probe, copies }) => {
    const ada = await room.person()
    const mail = paymentMail(ada)
    const { child } = room.service
    await child.arm(probe, 'kill', { only: mail.eventId })
    await room.write(mail)
    expect(await child.exited).toMatchObject({ signal: 'SIGKILL' })

    const received = await copiesAfterRestart(ada, mail.eventId)
    expect(received).toHaveLength(copies)
    expect(new Set(received.map(({ parsed }) => parsed.messageId)).size).toBe(1)
  })

  it('with a mail whose reader then switches such mails off leaves none', async () => {
    const ada = await room.person()
    const mail = paymentMail(ada)
    const { child } = room.service
    await child.arm('mail.addressed', 'kill', { only: mail.eventId })
    await room.write(mail)
    expect(await child.exited).toMatchObject({ signal: 'SIGKILL' })
    await writePaymentMails(room.database.db, { userId: ada.id, paymentMails: false })

    await room.endLeases()
    await room.service.start()
    expect(await room.until(mail.eventId, 'skipped')).toMatchObject({
      attempts: 1,
      maybe_taken: true,
      contact: null,
    })
    expect(room.server.to(ada.email)).toEqual([])
  })

  it('by one mail, again and again, costs none of those that it had in hand besides', async () => {
    const [eve, ada] = [await room.person(), await room.person()]
    const poison = paymentMail(eve)
    const others = Array.from({ length: 5 }, () => paymentMail(ada))
    // Two with all of them in hand, two with the one alone: one more than MAIL_ATTEMPTS_MAX.
    for (let deaths = 0; deaths < 4; deaths += 1) {
      const { child } = room.service
      await child.arm('mail.claimed', 'kill', { only: poison.eventId })
      if (deaths === 0) await room.write(poison, ...others)
      else await room.endLeases()
      expect(await child.exited).toMatchObject({ signal: 'SIGKILL' })
      await room.service.start()
    }
    await room.endLeases()
    expect(await room.until(poison.eventId, 'unknown')).toMatchObject({
      reason: 'every attempt ended with its process',
    })
    for (const { eventId } of others) await room.until(eventId, 'sent')
    expect(room.server.to(ada.email)).toHaveLength(others.length)
    expect(room.server.to(eve.email)).toEqual([])
  })

  it('before the server has seen the mail leaves one copy', async () => {
    const ada = await room.person()
    const mail = paymentMail(ada)
    room.server.onRecipient = (address) => (address === ada.email ? 'hold' : 'accept')
    await room.write(mail)
    await waitFor(() => room.server.holding === 1)
    await room.service.child.kill()
    room.server.behave()
    expect(await copiesAfterRestart(ada, mail.eventId)).toHaveLength(1)
  })

  it('while the server has the mail and has not answered leaves two, of one Message-ID', async () => {
    const ada = await room.person()
    const mail = paymentMail(ada)
    room.server.onData = (to) => (to === ada.email ? 'hold' : 'take')
    await room.write(mail)
    await waitFor(() => room.server.holding === 1)
    await room.service.child.kill()
    room.server.behave()
    const [first, second, ...more] = await copiesAfterRestart(ada, mail.eventId)
    expect(first?.parsed.messageId).toBe(second?.parsed.messageId)
    expect(more).toEqual([])
    expect(await room.delivery(mail.eventId)).toMatchObject({ attempts: 2, maybe_taken: true })
  })
})

describe('a process that lives', () => {
  it('records a 250 that the database does not take at first, and sends no second copy', async () => {
    const ada = await room.person()
    const mail = paymentMail(ada)
    const { child } = room.service
    await child.arm('mail.taken', 'stop', { only: mail.eventId })
    await room.write(mail)
    await child.reached('mail.taken', { timeoutMs: 60_000 })
    // Somebody has the row: the statement gives up waiting for it, as it would in an outage.
    const locked = Promise.withResolvers<void>()
    const unlock = Promise.withResolvers<void>()
    const holding = room.database.db.transaction().execute(async (trx) => {
      await sql`select from mail_deliveries where event_id = ${mail.eventId} for update`.execute(
        trx,
      )
      locked.resolve()
      await unlock.promise
    })
    await locked.promise
    child.go('mail.taken')
    await waitFor(() => child.stdout().includes('could not be recorded yet'), {
      timeoutMs: 60_000,
    })
    unlock.resolve()
    await holding
    await room.until(mail.eventId, 'sent')
    expect(room.server.to(ada.email)).toHaveLength(1)
  })

  it('records what was taken although the row of another that was taken with it is locked', async () => {
    const [ada, grace] = [await room.person(), await room.person()]
    const mails = [paymentMail(ada), paymentMail(grace)]
    room.server.onData = () => 'hold'
    await room.write(...mails)
    await waitFor(() => room.server.holding === 2, { timeoutMs: 60_000 })
    const unlock = Promise.withResolvers<void>()
    const locked = Promise.withResolvers<void>()
    const holding = room.database.db.transaction().execute(async (trx) => {
      const [{ eventId } = { eventId: '' }] = mails
      await sql`select from mail_deliveries where event_id = ${eventId} for update`.execute(trx)
      locked.resolve()
      await unlock.promise
    })
    await locked.promise
    room.server.behave()
    await room.until(mails[1]?.eventId ?? '', 'sent')
    unlock.resolve()
    await holding
    await room.until(mails[0]?.eventId ?? '', 'sent')
    for (const { email } of [ada, grace]) expect(room.server.to(email)).toHaveLength(1)
  })

  it('shares the mails with another, each sent by one of them', async () => {
    const people = await Promise.all(Array.from({ length: 40 }, () => room.person()))
    await using another = await room.another()
    const sentBy = () =>
      [room.service, another].map(({ child }) => child.stdout().split('a mail was sent').length - 1)
    const before = sentBy()
    room.server.onData = () => 'hold'
    await room.write(...people.map((person) => paymentMail(person)))
    // A process has four on their way at most: eight are those of two.
    await waitFor(() => room.server.holding === 8, { timeoutMs: 60_000 })
    room.server.behave()
    for (const person of people) expect(await room.received(person)).toHaveLength(1)
    await waitFor(() => sentBy().every((count, at) => count >= (before[at] ?? 0) + 4), {
      timeoutMs: 60_000,
      message: () => `four mails of each to be told of: ${sentBy().join(', ')}`,
    })
    for (const { email } of people) expect(room.server.to(email)).toHaveLength(1)
  })

  it('is told to stop and finishes what it has in hand', async () => {
    const ada = await room.person()
    const mail = paymentMail(ada)
    room.server.onData = () => 'hold'
    await room.write(mail)
    await waitFor(() => room.server.holding === 1)
    const ended = room.service.child.kill('SIGTERM')
    await waitFor(() => room.service.child.stdout().includes('stopping'))
    room.server.behave()
    expect(await ended).toMatchObject({ code: 0 })
    expect(await room.delivery(mail.eventId)).toMatchObject({ state: 'sent', attempts: 1 })
    expect(room.server.to(ada.email)).toHaveLength(1)
  })
})
