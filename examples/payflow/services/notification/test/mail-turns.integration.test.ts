/*
 * Goal: a mail that was taken and waits for its turn is not sent beside whoever takes it over.
 * Method: a process with one mail on its way at a time, which the mail server holds until there is
 * no time left for those behind it, nor for recording what would become of them.
 */
import { randomUUID } from 'node:crypto'
import { waitFor } from '@payflow/testkit'
import { expect, it } from 'vitest'
import { mailOfPasswordChange } from '../src/mail/mails-of.ts'
import { MailRoom } from './support/mail-room.ts'

it('a mail whose turn comes too late for its lease goes back, untried and uncounted', async () => {
  await using room = await MailRoom.start({
    MAIL_CONCURRENCY: '1',
    MAIL_ATTEMPT_TIMEOUT_MS: '6000',
    // Six seconds to wait, six for an attempt, and six in which it would be recorded.
    MAIL_LEASE_MS: '18000',
    // What goes back stays there for as long as it is looked at.
    MAIL_RETRY_FIRST_MS: '120000',
  })
  const [ada, grace] = [await room.person(), await room.person()]
  // These bring their address along: nothing but the mail server is waited for.
  const mails = [ada, grace].map(({ id: userId, email, name }) =>
    mailOfPasswordChange(randomUUID(), {
      userId,
      email,
      name,
      occurredAt: '2026-11-23T07:12:00.000Z',
      by: 'reset',
    }),
  )
  // Without an answer until the attempt ends by itself; which of them is first is not said.
  room.server.onData = () => 'hold'
  await room.write(...mails)
  const found = await waitFor(
    async () => {
      const rows = await Promise.all(mails.map(({ eventId }) => room.delivery(eventId)))
      const areBack = rows.every((row) => row?.state === 'pending' && row.reason !== null)
      return areBack ? rows : undefined
    },
    { timeoutMs: 60_000, message: 'both to wait for another time' },
  )
  const byAttempts = found.toSorted((a, b) => (a?.attempts ?? 0) - (b?.attempts ?? 0))
  expect(byAttempts).toMatchObject([
    { attempts: 0, reason: 'no time was left', maybe_taken: false },
    { attempts: 1, maybe_taken: true },
  ])
})
