/*
 * Goal: of every way in which a mail server can fail it is known whether it may have the mail, and
 * none of them takes longer than it may.
 * Method: real SMTP servers that misbehave at each step of the conversation.
 */
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { freePort, waitFor } from '@payflow/testkit'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { createSmtp, type OutgoingMail, type Smtp, type SmtpOptions } from '../src/mail/smtp.ts'
import { MailServer } from './support/mail-server.ts'

const from = { name: 'PayFlow', address: 'no-reply@payflow.test', domain: 'payflow.test' }
const never = new AbortController().signal
const opened: Smtp[] = []
let server: MailServer

beforeAll(async () => {
  server = await MailServer.start()
})
afterEach(() => {
  server.behave()
  for (const smtp of opened.splice(0)) smtp.close()
})
afterAll(() => server.stop())

function open(options: Partial<SmtpOptions> = {}): Smtp {
  const usual = { tls: 'offered', from, connectionsMax: 2, timeoutMs: 20_000 } as const
  const smtp = createSmtp({ url: server.url, ...usual, ...options })
  opened.push(smtp)
  return smtp
}

let mails = 0
function mailTo(to: string): OutgoingMail {
  mails += 1
  return {
    to,
    messageId: `<${mails}@payflow.test>`,
    date: new Date('2026-11-23T07:12:00Z'),
    subject: 'S',
    text: 'T',
    html: '<p>T</p>',
  }
}

/** A server that speaks as the script says, line by line, and is silent when it is at its end. */
async function speaker(script: readonly string[]): Promise<{ url: string; close(): void }> {
  const sockets = new Set<Socket>()
  const listening: Server = createServer((socket) => {
    sockets.add(socket.on('error', () => undefined))
    const lines = [...script]
    const say = () => {
      const line = lines.shift()
      if (line === 'CLOSE') socket.end()
      else if (line !== undefined) socket.write(`${line}\r\n`)
    }
    say()
    socket.on('data', say)
  })
  await new Promise<void>((resolve) => void listening.listen(0, '127.0.0.1', () => resolve()))
  return {
    url: `smtp://127.0.0.1:${(listening.address() as AddressInfo).port}`,
    close() {
      for (const socket of sockets) socket.destroy()
      listening.close()
    },
  }
}

describe('a mail server that behaves', () => {
  it('takes the mail with our Message-ID and date, from our sender, to one recipient', async () => {
    const mail = mailTo('ada@payflow.test')
    expect(await open().send(mail, never)).toEqual({ outcome: 'taken' })
    const [{ parsed } = { parsed: undefined }] = server.to('ada@payflow.test')
    expect(parsed).toMatchObject({ messageId: mail.messageId, date: mail.date, subject: 'S' })
    expect(parsed?.from?.text).toBe('"PayFlow" <no-reply@payflow.test>')
    expect(parsed?.headers.get('auto-submitted')).toBe('auto-generated')
  })

  it('gets many mails over one connection', async () => {
    const smtp = open({ connectionsMax: 1 })
    const before = server.connections
    for (let at = 0; at < 5; at += 1) await smtp.send(mailTo('pool@payflow.test'), never)
    expect(server.connections - before).toBe(1)
    expect(server.to('pool@payflow.test')).toHaveLength(5)
  })
})

describe('a mail server that refuses', () => {
  it.each([
    ['a recipient for now', 451, 'recipient', false],
    ['a recipient for good', 550, 'recipient', true],
    ['a mail for now', 452, 'data', false],
    ['a mail for good', 554, 'data', true],
  ] as const)(
    '%s is told so, with its words and without the address',
    async (_, code, at, forGood) => {
      server.onRecipient = () => (at === 'recipient' ? code : 'accept')
      server.onData = () => (at === 'data' ? code : 'take')
      const to = `refused-${code}@payflow.test`
      const result = await open().send(mailTo(to), never)
      const reason = expect.stringMatching(new RegExp(`^${code}.*As the test wishes`))
      expect(result).toEqual({ outcome: 'refused', forGood, reason })
      expect(JSON.stringify(result)).not.toContain(to)
      expect(server.to(to)).toEqual([])
    },
  )

  it('is asked again over the same connection', async () => {
    const smtp = open({ connectionsMax: 1 })
    server.onRecipient = (address) => (address.startsWith('no') ? 550 : 'accept')
    const before = server.connections
    expect(await smtp.send(mailTo('no@payflow.test'), never)).toMatchObject({ outcome: 'refused' })
    expect(await smtp.send(mailTo('yes@payflow.test'), never)).toEqual({ outcome: 'taken' })
    expect(server.connections - before).toBe(1)
  })
})

describe('a mail server that leaves before it has seen the mail', () => {
  const greeting = '220 here'
  const hello = '250 here'
  it.each([
    ['is not there', undefined],
    ['says nothing at all', []],
    ['closes without a greeting', ['CLOSE']],
    ['greets with a refusal', ['554 go away', 'CLOSE']],
    ['says nothing to EHLO', [greeting]],
    ['closes after MAIL FROM', [greeting, hello, 'CLOSE']],
    ['says nothing to RCPT TO', [greeting, hello, '250 sender']],
    ['ends its service at MAIL FROM', [greeting, hello, '421 closing', 'CLOSE']],
    ['is no SMTP server', ['HTTP/1.1 400 Bad Request', 'CLOSE']],
  ])('%s: it has no copy, and the mail is not at fault', async (_, script) => {
    const faulty = script ? await speaker(script) : { url: `smtp://127.0.0.1:${await freePort()}` }
    const startedAt = performance.now()
    const result = await open({ url: faulty.url, timeoutMs: 300 }).send(mailTo('a@b.test'), never)
    expect(result).toEqual({ outcome: 'unreachable', reason: expect.stringMatching(/./) })
    // Three steps at most, and the machine is busy; without a timeout it would be minutes.
    expect(performance.now() - startedAt).toBeLessThan(10_000)
    if ('close' in faulty) faulty.close()
  })

  it('gets no mail in the clear when TLS is required', async () => {
    const to = 'secret@payflow.test'
    expect(await open({ tls: 'required' }).send(mailTo(to), never)).toMatchObject({
      outcome: 'unreachable',
      reason: '500 Error: command not recognized', // to STARTTLS
    })
    expect(server.to(to)).toEqual([])
  })
})

describe('a mail server that has seen the mail and does not answer', () => {
  it('closes: it may have a copy', async () => {
    server.onData = () => 'take and cut'
    expect(await open().send(mailTo('cut@payflow.test'), never)).toMatchObject({
      outcome: 'unanswered',
    })
    expect(server.to('cut@payflow.test')).toHaveLength(1)
  })

  it('keeps silent: it may have a copy, and the step has its time', async () => {
    server.onData = () => 'hold'
    // Long enough for the steps before, which are answered, on a machine that is busy.
    const smtp = open({ timeoutMs: 2_000 })
    expect(await smtp.send(mailTo('silent@payflow.test'), never)).toMatchObject({
      outcome: 'unanswered',
    })
  })

  it('trickles: the attempt as a whole has its time', async () => {
    server.onData = () => 'hold'
    const attempt = new AbortController()
    const result = open().send(mailTo('slow@payflow.test'), attempt.signal)
    await waitFor(() => server.holding === 1)
    attempt.abort()
    expect(await result).toMatchObject({
      outcome: 'unanswered',
      reason: expect.stringContaining('EABORT'),
    })
    server.behave()
    expect(await open().send(mailTo('next@payflow.test'), never)).toEqual({ outcome: 'taken' })
  })
})
