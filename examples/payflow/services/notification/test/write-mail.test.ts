// What a mail says, for every kind and for every name somebody may have.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { harmlessName, harmlessReply } from '../src/mail/harmless.ts'
import { isPaymentMail, MAIL_KINDS, type MailAbout, type MailKind } from '../src/mail/mail.ts'
import { messageIdOf } from '../src/mail/message-id.ts'
import { parseSender } from '../src/mail/sender-address.ts'
import { writeMail, type WrittenMail } from '../src/mail/write-mail.ts'

const at = '2026-11-23T07:12:00.000Z'
const publicUrl = 'https://wallet.payflow.test'

function aboutOf(kind: MailKind): MailAbout {
  if (!isPaymentMail(kind)) {
    return { kind, occurredAt: at, expiresAt: at, lockedUntil: at, by: 'user' } as MailAbout
  }
  const failureCode = kind.endsWith('_failed') ? 'insufficient_funds' : null
  const ids = { paymentId: 'the-payment', counterpartyId: 'the-other' }
  return { kind, ...ids, amountMinor: '123456', currency: 'USD', failureCode, occurredAt: at }
}

function write(kind: MailKind, name: string): WrittenMail {
  const secret = kind === 'password_reset' ? 'token' : null
  return writeMail({ about: aboutOf(kind), name, counterpartyName: name, secret, publicUrl })
}

const linksOf = (text: string) => text.match(/\b[a-z]{1,10}:\/\/[^\s"<]+|www\.[^\s"<]+/gi) ?? []

describe('writeMail', () => {
  it.each(MAIL_KINDS)(
    '%s: says the same in text and HTML, and nothing private in the subject',
    (kind) => {
      const { subject, text, html } = write(kind, 'Ada Lovelace')
      expect(subject).toMatch(/^[A-Z][a-z -]+$/)
      expect(subject).not.toContain('Ada')
      expect(text).toContain('Hello \u2068Ada Lovelace\u2069,')
      expect(html).toContain('Hello <bdi>Ada Lovelace</bdi>,')
      expect(new Set(linksOf(text))).toEqual(new Set(linksOf(html)))
      for (const link of linksOf(text)) expect(new URL(link).origin).toBe(publicUrl)
      for (const [, label] of html.matchAll(/<tr><td style="([^"]*)"/g)) {
        expect(label, 'breaks no label in two on a phone').toContain('white-space:nowrap')
      }
      for (const body of [text, html]) {
        expect(body.includes('$1,234.56')).toBe(isPaymentMail(kind))
      }
    },
  )

  it('adds no link, no line, no tag and no change of direction, whatever a name is', () => {
    const plain = write('payment_received', 'Eve')
    const hostile = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc
        .array(
          fc.constantFrom(
            'http://evil.example',
            'www.evil.example',
            'evil.example/x',
            'a@evil.example',
            '\r\n\r\nPay here:',
            '<a href="//evil.example">x</a>',
            '"><script>',
            '\u202e',
            '\u2066',
            '\u2069',
            '\u200b',
            'javascript:x',
            '&lt;',
            '\u3002example',
            ' ',
          ),
          { maxLength: 6 },
        )
        .map((parts) => parts.join('')),
    )
    const seenIn = ({ subject, text, html }: WrittenMail) => ({
      subject,
      links: [linksOf(text), linksOf(html)],
      lines: text.split('\n').length,
      tags: html.match(/<[a-z]+/g)?.filter((tag) => tag !== '<bdi'),
      turns: text.match(/[\u202a-\u202e\u2066\u2067]/),
      // Each isolate is ours, and ends.
      unended: text.split('\u2068').length - text.split('\u2069').length,
    })
    const expected = seenIn(plain)
    expect(expected).toMatchObject({ turns: null, unended: 0 })
    fc.assert(
      fc.property(hostile, (name) => {
        expect(seenIn(write('payment_received', name))).toEqual(expected)
      }),
    )
    // On a busy machine a hundred mails take their time.
  }, 120_000)

  it('leaves a name readable that merely has signs in it', () => {
    expect(harmlessName("Dr. Anne-Marie O'Neill, Jr.")).toBe("Dr. Anne-Marie O'Neill, Jr.")
    expect(harmlessName('محمد بن سلمان')).toBe('محمد بن سلمان')
    expect(harmlessName('evil.example')).toBe('evil. example')
  })
})

describe('harmlessReply', () => {
  it('is one short line without an address', () => {
    const reply = harmlessReply(`550 5.1.1 <ada@payflow.test>\r\nunknown ${'x'.repeat(5_000)}`)
    expect(reply).toMatch(/^550 5\.1\.1 <\(address\)> unknown x+$/)
    expect(reply).toHaveLength(200)
  })
})

describe('messageIdOf', () => {
  it('is the same for the same mail and another for any other, whatever the ids are', () => {
    const of = (eventId: string, userId: string, channel = 'email') =>
      messageIdOf({ eventId, userId, channel }, 'payflow.test')
    expect(of('a', 'b')).toBe(of('a', 'b'))
    expect(new Set([of('a', 'b'), of('a"', 'b'), of('a', 'c'), of('a', 'b', 'x')]).size).toBe(4)
    expect(of('>\r\nBcc: x@y.z', 'b')).toMatch(/^<[0-9a-f]{40}@payflow\.test>$/)
  })
})

describe('parseSender', () => {
  it.each([
    ['no-reply@payflow.test', '', 'no-reply@payflow.test'],
    ['PayFlow <no-reply@payflow.test>', 'PayFlow', 'no-reply@payflow.test'],
    ['"Pay, Flow" <a@b.test>', 'Pay, Flow', 'a@b.test'],
  ])('reads %s', (text, name, address) => {
    expect(parseSender(text)).toMatchObject({ name, address })
  })

  it.each(['', 'PayFlow', 'a@b.test, c@d.test', 'X\r\nBcc: a <a@b.test>', '<a@b.test> x', 'a <b>'])(
    'refuses %j',
    (text) => expect(parseSender(text)).toBeUndefined(),
  )
})
