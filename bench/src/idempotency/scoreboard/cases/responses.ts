import { createHash } from 'node:crypto'
import { pause } from '@payflow/testkit'
import { type Answer, send } from '../http.ts'
import type { HandlerName } from '../handlers.ts'
import type { Lab } from '../lab.ts'
import { check, type HazardCase, hold, paid, same } from './case.ts'

const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex')

/** First and second answer of a handler, which must have paid once. */
async function twice(lab: Lab, handler: HandlerName, sent: object = {}): Promise<[Answer, Answer]> {
  const url = await lab.start(handler)
  const first = await send(url, { key: lab.key(), ...sent })
  await pause(50) // who stores after the answer has left is not asked about that here
  return [first, await send(url, { key: lab.key(), ...sent })]
}

/** What comes back the second time. */
export const responses: readonly HazardCase[] = [
  {
    id: 'IDEM-19',
    wants: 'a response of 5 MB reaches its client, and the retry does not pay again',
    async run(lab) {
      const [first, again] = await twice(lab, 'large')
      check(first.body.length === 5_000_000, `the client got ${first.body.length} bytes`)
      paid(lab, 1)
      const kept = (await lab.inspect(lab.key())).reduce((sum, { bytes }) => sum + bytes.length, 0)
      return `${again.status}; ${kept.toLocaleString('en-US')} bytes kept`
    },
  },
  {
    id: 'IDEM-20',
    wants: 'a binary body comes back byte for byte',
    async run(lab) {
      const [first, again] = await twice(lab, 'binary')
      check(first.body.length === 8, `the first answer has ${first.body.length} bytes`)
      same(first, again)
      check(sha256(first.body) === sha256(again.body), 'another hash')
      paid(lab, 1)
      return 'the same bytes'
    },
  },
  {
    id: 'IDEM-21',
    wants: 'streamed and piped responses come back as they were',
    async run(lab) {
      for (const handler of ['streamed', 'piped'] as const) {
        await lab.begin()
        const [first, again] = await twice(lab, handler)
        check(first.body.length > 0, `${handler}: empty at once`)
        same(first, again, `the retry (${handler})`)
        paid(lab, 1)
      }
      return 'both the same'
    },
  },
  {
    id: 'IDEM-22',
    wants: '204 and 303 come back with their status and Location',
    async run(lab) {
      for (const handler of ['empty', 'redirect'] as const) {
        await lab.begin()
        const [first, again] = await twice(lab, handler)
        same(first, again, `the retry (${first.status})`)
        const { location } = again.headers
        check(location === first.headers.location, `${first.status} without its Location`)
        paid(lab, 1)
      }
      return 'both the same'
    },
  },
  {
    id: 'IDEM-23',
    wants: 'the bodies false, 0, "" and null are answers',
    async run(lab) {
      for (const value of [false, 0, '', null]) {
        await lab.begin()
        const [first, again] = await twice(lab, 'falsy', { body: { answer: value } })
        paid(lab, 1)
        same(first, again, `the retry (${JSON.stringify(value)})`)
      }
      return 'all four replayed'
    },
  },
  {
    id: 'IDEM-25',
    wants: 'a temporary failure is not kept, a final refusal is',
    async run(lab) {
      const [closed, retry] = await twice(lab, 'unavailable')
      check(closed.status === 503, `the first answer is ${closed.status}`)
      check(retry.text !== closed.text, '503 kept and replayed')
      const [declined, again] = await twice(lab, 'declined', { key: lab.key('k2') })
      same(declined, again, 'the retry of a declined card')
      paid(lab, 1)
      return '503 ran again, 402 replayed'
    },
  },
  {
    id: 'IDEM-26',
    wants: 'the client goes away, the finished work is recorded',
    async run(lab) {
      const app = await lab.app()
      const client = new AbortController()
      const sent = { key: lab.key(), signal: client.signal }
      const first = await hold(app, app.url('pay'), sent, 'handler.paid')
      client.abort()
      await first.answer
      await pause(50)
      first.go()
      const isStored = ({ status }: Answer) => status === 201
      const retry = await lab.until(app.url('pay'), { key: lab.key() }, isStored, 2_000)
      paid(lab, 1)
      check(retry?.status === 201, `the retry got ${retry?.status ?? 'no answer'}`)
      return 'replayed'
    },
  },
  {
    id: 'IDEM-31',
    wants: 'cookies are not replayed, credentials not stored',
    async run(lab) {
      const headers = { authorization: 'Bearer of-ada-only' }
      const [, again] = await twice(lab, 'cookie', { headers })
      check(again.headers['set-cookie'] === undefined, 'the cookie is replayed')
      const stored = Buffer.concat((await lab.inspect(lab.key())).map(({ bytes }) => bytes))
      check(!stored.includes('of-ada-only'), 'the Authorization header is kept in Redis')
      check(!stored.includes('of-ada'), 'the cookie is kept in Redis')
      paid(lab, 1)
      return 'neither'
    },
  },
  {
    id: 'IDEM-35',
    wants: 'answered compressed, retried by a client that cannot read that',
    async run(lab) {
      const app = await lab.another({ variant: 'compressed' })
      const url = app.url('pay')
      const gzip = { 'accept-encoding': 'gzip' }
      const plain = { 'accept-encoding': 'identity' }
      const first = await send(url, { key: lab.key(), headers: gzip })
      check(first.headers['content-encoding'] === 'gzip', 'the first was not compressed')
      await pause(50)
      const again = await send(url, { key: lab.key(), headers: plain })
      check(again.status === 201, `the retry got ${again.status}`)
      check(again.headers['content-encoding'] === undefined, 'compressed all the same')
      check(again.text.startsWith('{"payment"'), 'the retry cannot be read')
      paid(lab, 1)
      return 'readable'
    },
  },
]
