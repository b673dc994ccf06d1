/*
 * Goal: every mail that is written down is sent once, or given up with a reason somebody can read;
 * and nobody's name becomes part of it that should not.
 * Method: the real service, a real auth-service, a real mail server that misbehaves.
 */
import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { send } from '@payflow-app/testing'
import { waitFor } from '@payflow/testkit'
import { sql } from 'kysely'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { mailOfLock, mailOfPasswordChange, mailOfPasswordReset } from '../src/mail/mails-of.ts'
import { insertMails } from '../src/sql/insert-mails.ts'
import { writePaymentMails } from '../src/sql/payment-mails.ts'
import { MailRoom, paymentMail } from './support/mail-room.ts'

let room: MailRoom

beforeAll(async () => {
  room = await MailRoom.start()
})
// A mail that one test leaves on its way would be answered as the next one wishes, and counted there.
afterEach(async () => {
  room.server.behave()
  await room.idle()
})
afterAll(async () => {
  await room[Symbol.asyncDispose]()
})

const root = new URL('../../../../../', import.meta.url)
const inAnHour = () => new Date(Date.now() + 3_600_000).toISOString()

describe('what a mail says', () => {
  it('tells of a payment, in text and HTML, with the amount inside and not in the subject', async () => {
    const [ada, grace] = [await room.person(), await room.person('Grace Hopper')]
    const mail = paymentMail(ada, { other: grace.id })
    await room.write(mail)
    const [{ parsed } = { parsed: undefined }] = await room.received(ada)
    expect(parsed?.subject).toBe('Your payment has arrived')
    for (const body of [parsed?.text, parsed?.html]) {
      expect(body).toContain('Your payment of $50.00 has arrived.')
      expect(body).toContain('Ada Lovelace')
      expect(body).toContain('Grace Hopper')
      expect(body).toContain('23 November 2026 at 07:12 UTC')
      expect(body).toContain(`http://127.0.0.1:3000/payments/`)
    }
    expect(await room.until(mail.eventId, 'sent')).toMatchObject({ attempts: 1, reason: null })
  })

  it('carries the link to a new password, which is then forgotten', async () => {
    const { id: userId, email, name } = await room.person()
    const token = 'a+token/with=signs'
    const event = { userId, email, name, token, expiresAt: inAnHour() }
    const mail = mailOfPasswordReset(randomUUID(), event)
    await room.write(mail)
    const [{ parsed } = { parsed: undefined }] = await room.received({ id: userId, email, name })
    const link = `http://127.0.0.1:3000/reset-password#token=${encodeURIComponent(token)}`
    expect(parsed?.text).toContain(link)
    expect(parsed?.html).toContain(`href="${link}"`)
    const sent = await room.until(mail.eventId, 'sent')
    expect(sent).toMatchObject({ secret: null, contact: null })
    const { rows } = await sql<{ row: string }>`
      select mail::text as row from mail_deliveries as mail where event_id = ${mail.eventId}`.execute(
      room.database.db,
    )
    expect(rows[0]?.row).not.toMatch(/token|@/)
    expect(room.service.child.stdout()).not.toContain(token)
  })

  it('warns of another password and of a lock', async () => {
    const ada = await room.person()
    const { id: userId, email, name } = ada
    const occurredAt = '2026-11-23T07:12:00.000Z'
    const by = 'reset' as const
    await room.write(mailOfPasswordChange(randomUUID(), { userId, email, name, occurredAt, by }))
    const lockedUntil = '2026-11-23T07:42:00.000Z'
    await room.write(mailOfLock(randomUUID(), { userId, email, name, occurredAt, lockedUntil }))
    const mails = await room.received(ada, 2)
    const bySubject = new Map(mails.map(({ parsed }) => [parsed.subject, parsed.text]))
    expect(bySubject.get('Your password was changed')).toContain('with the link of an e-mail')
    expect(bySubject.get('Your account is locked for a while')).toContain('at 07:42 UTC')
  })

  it('lets no name add a header, a recipient or a link', async () => {
    const hostile = 'Eve\r\nBcc: all@payflow.test\r\n\r\n<img src=x> \u202Ewww.evil.example'
    const [eve, ada] = [await room.person(hostile), await room.person(hostile)]
    await room.write(paymentMail(ada, { other: eve.id }))
    const [{ raw, parsed } = { raw: '', parsed: undefined }] = await room.received(ada)
    const known =
      'from to subject message-id date mime-version content-type auto-submitted x-auto-response-suppress'
    expect([...(parsed?.headers.keys() ?? [])].toSorted()).toEqual(known.split(' ').toSorted())
    expect(raw.split('\r\n\r\n')[0]).not.toContain('all@payflow.test')
    expect(room.server.to('all@payflow.test')).toEqual([])
    expect(parsed?.text).not.toMatch(/evil\.example|\u202e/)
    expect(parsed?.html).not.toContain('<img')
  })
})

describe('a mail that is refused', () => {
  it('for good is failed with the reason, and not tried again', async () => {
    const ada = await room.person()
    room.server.onRecipient = () => 550
    const mail = paymentMail(ada)
    await room.write(mail)
    expect(await room.until(mail.eventId, 'failed')).toMatchObject({
      attempts: 1,
      reason: '550 As the test wishes',
    })
    expect(await room.metric('payflow_mail_failed')).toBeGreaterThan(0)
    expect(room.service.child.stdout()).toContain('a mail was given up')
    expect(room.service.child.stdout()).not.toContain(ada.email)
  })

  it('for now is tried again, by the table and not by a process', async () => {
    const ada = await room.person()
    let refusals = 0
    room.server.onRecipient = () => (++refusals <= 2 ? 451 : 'accept')
    const mail = paymentMail(ada)
    await room.write(mail)
    expect(await room.until(mail.eventId, 'sent')).toMatchObject({ attempts: 3 })
    expect(await room.received(ada)).toHaveLength(1)
  })

  it('for now, once its reader has switched such mails off, is not tried again', async () => {
    const ada = await room.person()
    const { child } = room.service
    const mail = paymentMail(ada)
    await child.arm('mail.addressed', 'stop', { only: mail.eventId })
    await room.write(mail)
    await child.reached('mail.addressed', { timeoutMs: 60_000 })
    await writePaymentMails(room.database.db, { userId: ada.id, paymentMails: false })
    let refusals = 0
    room.server.onRecipient = () => (++refusals <= 1 ? 451 : 'accept')
    child.go('mail.addressed')
    expect(await room.until(mail.eventId, 'skipped')).toMatchObject({ attempts: 1, contact: null })

    const { id: userId, email, name } = ada
    refusals = 0
    const event = { userId, email, name, token: 'wanted', expiresAt: inAnHour() }
    const security = mailOfPasswordReset(randomUUID(), event)
    await room.write(security)
    expect(await room.until(security.eventId, 'sent')).toMatchObject({ attempts: 2 })
    const received = await room.received(ada)
    expect(received.map(({ parsed }) => parsed.subject)).toEqual(['Choose a new password'])
  })

  it('too often is given up', async () => {
    const ada = await room.person()
    room.server.onRecipient = () => 451
    const mail = paymentMail(ada)
    await room.write(mail)
    expect(await room.until(mail.eventId, 'failed')).toMatchObject({ attempts: 3 })
    expect(await room.metric('payflow_mail_settled_total', 'outcome="failed"')).toBeGreaterThan(0)
  })
})

describe('a mail that was given up', () => {
  it('is sent after all by the statement of docs/troubleshooting.md', async () => {
    const text = readFileSync(new URL('docs/troubleshooting.md', root), 'utf8')
    const [, statement = ''] = /```sql\n(update mail_deliveries[^`]+)```/.exec(text) ?? []
    const ada = await room.person()
    room.server.onRecipient = () => 550
    const mail = paymentMail(ada)
    await room.write(mail)
    await room.until(mail.eventId, 'failed')
    room.server.behave()
    await sql.raw(statement).execute(room.database.db)
    expect(await room.until(mail.eventId, 'sent')).toMatchObject({ attempts: 1 })
    expect(await room.received(ada)).toHaveLength(1)
  })
})

describe('a mail that may have been taken', () => {
  it('is sent again under the same Message-ID', async () => {
    const ada = await room.person()
    room.server.onData = () => (room.server.to(ada.email).length === 0 ? 'take and cut' : 'take')
    const mail = paymentMail(ada)
    await room.write(mail)
    await room.until(mail.eventId, 'sent')
    const [first, second, ...more] = await room.received(ada, 2)
    expect(first?.parsed.messageId).toBe(second?.parsed.messageId)
    expect(first?.parsed.date).toEqual(second?.parsed.date)
    expect(more).toEqual([])
  })

  it('is unknown, not failed, when it is given up', async () => {
    const ada = await room.person()
    room.server.onData = () => (room.server.to(ada.email).length === 0 ? 'take and cut' : 451)
    const mail = paymentMail(ada)
    await room.write(mail)
    expect(await room.until(mail.eventId, 'unknown')).toMatchObject({ maybe_taken: true })
    expect(await room.metric('payflow_mail_unknown')).toBe(1)
  })
})

describe('a mail to somebody', () => {
  it('who switched such mails off while it was written down is not sent', async () => {
    const ada = await room.person()
    const [mail, { id: userId, email, name }] = [paymentMail(ada), ada]
    const event = { userId, email, name, token: 'wanted', expiresAt: inAnHour() }
    const security = mailOfPasswordReset(randomUUID(), event)
    await room.database.db.transaction().execute(async (trx) => {
      await insertMails(trx, [mail, security])
      await writePaymentMails(room.database.db, { userId, paymentMails: false })
    })
    expect(await room.until(mail.eventId, 'skipped')).toMatchObject({ attempts: 0 })
    await room.until(security.eventId, 'sent')
    const received = await room.received(ada)
    expect(received.map(({ parsed }) => parsed.subject)).toEqual(['Choose a new password'])
  })

  it('who is not there is failed, with the reason', async () => {
    const mail = paymentMail({ id: randomUUID(), email: '', name: '' })
    await room.write(mail)
    expect(await room.until(mail.eventId, 'failed')).toMatchObject({
      reason: 'there is no such user',
    })
  })

  it('who paid somebody that is no longer there is sent', async () => {
    const ada = await room.person()
    await room.write(paymentMail(ada, { other: randomUUID() }))
    const [{ parsed } = { parsed: undefined }] = await room.received(ada)
    expect(parsed?.text).toContain('To: somebody who is no longer here')
  })

  it('whose server hangs keeps nobody else waiting', async () => {
    const [slow, ada] = [await room.person(), await room.person()]
    room.server.onRecipient = (address) => (address === slow.email ? 'hold' : 'accept')
    await room.write(paymentMail(slow))
    await waitFor(() => room.server.holding === 1, { timeoutMs: 60_000 })
    const mails = Array.from({ length: 10 }, () => paymentMail(ada))
    await room.write(...mails)
    await room.received(ada, 10)
    expect(room.server.to(slow.email)).toEqual([])
    room.server.behave()
    await room.received(slow)
  })

  it('that would come too late is not sent', async () => {
    const { id: userId, email, name } = await room.person()
    const expiresAt = new Date(Date.now() - 1_000).toISOString()
    const event = { userId, email, name, token: 'expired', expiresAt }
    const mail = mailOfPasswordReset(randomUUID(), event)
    await room.write(mail)
    const failed = await room.until(mail.eventId, 'failed')
    expect(failed).toMatchObject({ reason: 'it would have come too late', secret: null })
    expect(room.server.to(email)).toEqual([])
  })
})

describe('an outage', () => {
  it('of the mail server costs no attempts, shows, and ends with the urgent mails first', async () => {
    const ada = await room.person()
    await room.server.stop()
    const mails = Array.from({ length: 5 }, () => paymentMail(ada))
    await room.write(...mails)
    await waitFor(async () => (await room.metric('payflow_mail_server_reachable')) === 0)
    const ready = await send(`${room.service.url}/health/ready`)
    expect(ready.body.checks.smtp).toMatchObject({ status: 'down', required: false })
    const { id: userId, email, name } = ada
    const event = { userId, email, name, token: 'urgent', expiresAt: inAnHour() }
    const urgent = mailOfPasswordReset(randomUUID(), event)
    await room.write(urgent)
    expect(await room.metric('payflow_mail_waiting')).toBe(6)
    expect(await room.metric('payflow_mail_oldest_unsent_seconds')).toBeGreaterThan(0)

    await room.server.start()
    const [first] = await room.received(ada, 6)
    expect(first?.parsed.subject).toBe('Choose a new password')
    // The mail server has it before the table says so: each mail is waited for in the table.
    for (const { eventId } of [...mails, urgent]) {
      expect(await room.until(eventId, 'sent')).toMatchObject({ attempts: 1 })
    }
    expect(await room.metric('payflow_mail_server_reachable')).toBe(1)
    expect(await room.metric('payflow_mail_waiting')).toBe(0)
  })

  it('of auth-service makes mails wait, and loses none', async () => {
    const ada = await room.person()
    await room.auth.child.kill()
    const mail = paymentMail(ada)
    await room.write(mail)
    await waitFor(async () => (await room.delivery(mail.eventId))?.reason?.includes('auth-service'))
    await room.auth.start()
    expect(await room.until(mail.eventId, 'sent')).toMatchObject({ attempts: 1 })
    expect(await room.received(ada)).toHaveLength(1)
  })
})
