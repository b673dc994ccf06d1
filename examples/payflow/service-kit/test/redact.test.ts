/*
 * Goal: whoever writes a line cannot forget to take secrets out of it. Method: lines as services
 * write them, by the logger they write them with.
 */
import { describe, expect, test } from 'vitest'
import { createLogger, withLogContext } from '../src/index.ts'
import { redactText } from '../src/redact.ts'

const jwt = 'eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJhZGEifQ.c2lnbmF0dXJl'

function written(write: (logger: ReturnType<typeof createLogger>) => void): string {
  const lines: string[] = []
  write(createLogger({ service: 'test', destination: { write: (line) => lines.push(line) } }))
  return lines.join('')
}

describe('a line', () => {
  test.each([
    ['at the top', { password: 'hunter2' }],
    ['deeper', { request: { body: { newPassword: 'hunter2' } } }],
    ['in a list', { users: [{ refresh_token: 'hunter2' }] }],
    ['by another spelling', { 'Set-Cookie': 'hunter2', accessToken: 'hunter2' }],
    ['in a text', { reason: 'Bearer hunter2', said: 'from hunter2@payflow.test' }],
    ['in an error', { err: new Error('postgres://app:hunter2@db/payflow is away') }],
    [
      'in the cause of an error',
      { err: new Error('no', { cause: new Error('amqp://app:hunter2@mq') }) },
    ],
    ['too deep to look for it', { a: { b: { c: { d: { e: { f: 'hunter2' } } } } } }],
  ])('has no secret %s', (_, fields) => {
    const line = written((logger) => logger.info(fields, 'a line'))
    expect(line).toContain('a line')
    expect(line).not.toContain('hunter2')
  })

  test('keeps what is no secret, and does not change what it is given', () => {
    const fields = { amount: 5, user: { id: 'ada', email: 'ada@payflow.test' }, at: new Date(0) }
    const line = written((logger) =>
      withLogContext({ paymentId: 'p1' }, () => logger.info(fields, 'paid')),
    )
    expect(JSON.parse(line)).toMatchObject({
      paymentId: 'p1',
      amount: 5,
      user: { id: 'ada', email: '[Redacted]' },
      at: '1970-01-01T00:00:00.000Z',
    })
    expect(fields.user.email).toBe('ada@payflow.test')
  })
})

describe('a text of somebody else', () => {
  test.each([
    ['redis://:pa55@127.0.0.1:6379/0 refused', 'redis://[Redacted]@127.0.0.1:6379/0 refused'],
    [`token ${jwt} expired`, 'token [Redacted] expired'],
    ['550 <ada@payflow.test>: no such user', '550 <[Redacted]>: no such user'],
    ['GET /transactions/01a2 200', 'GET /transactions/01a2 200'],
  ])('%s becomes %s', (text, clean) => expect(redactText(text)).toBe(clean))

  test('of any length and make takes no time', () => {
    const hostile = ['a-', 'a@', 'eyJa.', '://', 'bearer ', 'x.'].map((part) => part.repeat(50_000))
    const begun = performance.now()
    for (const text of hostile) expect(redactText(text).length).toBeLessThan(20_000)
    expect(performance.now() - begun).toBeLessThan(1_000)
  })
})
