import { send } from '../http.ts'
import { check, type HazardCase, isRefusal, paid, same } from './case.ts'

/** Whose key it is, and what is the same request. */
export const requests: readonly HazardCase[] = [
  {
    id: 'IDEM-28',
    wants: 'two users with the same key are two payments',
    async run(lab) {
      const url = await lab.start('pay')
      const ada = await send(url, { key: lab.key(), user: 'ada' })
      const bob = await send(url, { key: lab.key(), user: 'bob' })
      check(bob.text !== ada.text, 'Bob got Ada’s answer')
      check(bob.status === 201, `Bob got ${bob.status}`)
      paid(lab, 2)
      return 'both paid'
    },
  },
  {
    id: 'IDEM-29',
    wants: 'requests of nobody share no key',
    async run(lab) {
      const url = await lab.start('pay')
      const one = await send(url, { key: lab.key(), user: undefined })
      const two = await send(url, { key: lab.key(), user: undefined })
      const isShared = two.status < 400 && two.text === one.text
      check(!isShared, 'strangers get each other’s answer')
      return `${two.status}`
    },
  },
  {
    id: 'IDEM-30',
    wants: 'the same key on another route is not answered with the first route’s answer',
    async run(lab) {
      const app = await lab.app()
      const first = await send(app.url('pay', 'a'), { key: lab.key() })
      const other = await send(app.url('pay', 'b'), { key: lab.key() })
      check(other.text !== first.text, 'the second router’s request got the first’s answer')
      return other.status === 201 ? 'both paid' : `${other.status}`
    },
  },
  {
    id: 'IDEM-32',
    wants: 'empty, too long and doubled keys are refused; a key in quotes is the same key',
    async run(lab) {
      const url = await lab.start('pay')
      for (const key of ['', 'x'.repeat(300), ['k1', 'k2']]) {
        const { status } = await send(url, { key })
        const name = Array.isArray(key)
          ? 'two keys'
          : key === ''
            ? 'an empty key'
            : '300 characters'
        check(status === 400, `${status} for ${name}`)
      }
      const first = await send(url, { key: lab.key() })
      same(first, await send(url, { key: `"${lab.key()}"` }), 'the same key in quotes')
      paid(lab, 1)
      return '400, and one key'
    },
  },
  {
    id: 'IDEM-33',
    wants: 'a handler that changes the body does not make the retry another request',
    async run(lab) {
      const url = await lab.start('changes')
      const first = await send(url, { key: lab.key() })
      await new Promise((resolve) => setTimeout(resolve, 50))
      same(first, await send(url, { key: lab.key() }))
      paid(lab, 1)
      return 'replayed'
    },
  },
  {
    id: 'IDEM-34',
    wants: 'the order of members does not make another request',
    async run(lab) {
      const url = await lab.start('pay')
      const first = await send(url, { key: lab.key(), body: '{"amount":500,"to":"bob"}' })
      await new Promise((resolve) => setTimeout(resolve, 50))
      same(first, await send(url, { key: lab.key(), body: '{"to":"bob","amount":500.0}' }))
      paid(lab, 1)
      return 'replayed'
    },
  },
  {
    id: 'IDEM-36',
    wants: 'without a body parser no two payments are taken for one',
    async run(lab) {
      const app = await lab.another({ variant: 'no parser' })
      const first = await send(app.url('pay'), { key: lab.key(), body: { amount: 1 } })
      const other = await send(app.url('pay'), { key: lab.key(), body: { amount: 2 } })
      check(other.status >= 400, `another body got ${other.status}, the first one’s answer`)
      return first.status === 201 ? `${other.status}` : `${first.status} for every request`
    },
  },
  {
    id: 'IDEM-37',
    wants: 'a client that forges the library’s own markers gets nothing by it',
    async run(lab) {
      const url = await lab.start('pay')
      const headers = { 'x-hit': 'true', 'idempotent-replayed': 'true' }
      const first = await send(url, { key: lab.key(), headers, patienceMs: 2_000 }).catch(
        () => undefined,
      )
      check(first !== undefined, 'hung: no answer in two seconds')
      check(first.status === 201, `${first.status}`)
      paid(lab, 1)
      return 'ignored'
    },
  },
  {
    id: 'IDEM-42',
    wants: 'a key whose own time is older than the retention is refused, not paid again',
    async run(lab) {
      const url = await lab.start('pay')
      const answer = await send(url, { key: uuidV7(Date.now() - 2 * 86_400_000) })
      check(isRefusal(answer), `${answer.status}: paid as new`)
      paid(lab, 0)
      return `${answer.status}`
    },
  },
  {
    id: 'IDEM-46',
    wants: 'a body of 2 MB is refused or protected',
    async run(lab) {
      const url = await lab.start('pay')
      const body = { amount: 500, note: 'x'.repeat(2_000_000) }
      const first = await send(url, { key: lab.key(), body })
      await send(url, { key: lab.key(), body })
      check(lab.effects() <= 1, 'paid twice')
      return first.status === 201 ? 'protected' : `${first.status}`
    },
  },
]

/** A UUIDv7 that was made then. */
function uuidV7(atMs: number): string {
  const time = atMs.toString(16).padStart(12, '0')
  return `${time.slice(0, 8)}-${time.slice(8)}-7abc-8def-0123456789ab`
}
