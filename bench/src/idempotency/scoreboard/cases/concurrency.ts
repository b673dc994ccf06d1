import { send } from '../http.ts'
import { answered, check, type HazardCase, hold, isRefusal, paid, same } from './case.ts'

/** Requests that meet each other. */
export const concurrency: readonly HazardCase[] = [
  {
    id: 'IDEM-01',
    wants: 'fifty equal requests at once pay once',
    async run(lab) {
      const url = await lab.start('pay')
      const all = await Promise.all(Array.from({ length: 50 }, () => send(url, { key: lab.key() })))
      paid(lab, 1)
      const statuses = new Set(all.map(({ status }) => status))
      check(
        [...statuses].every((s) => s === 201 || s === 409),
        `statuses ${[...statuses].join()}`,
      )
      return 'paid once; the others 409 or the answer'
    },
  },
  {
    id: 'IDEM-02',
    wants: 'another body under a key in flight is refused as such',
    async run(lab) {
      const app = await lab.app()
      const url = app.url('pay')
      const first = await hold(app, url, { key: lab.key() }, 'handler.entered')
      const other = await send(url, { key: lab.key(), body: { amount: 900 } })
      first.go()
      const answer = await answered(first)
      paid(lab, 1)
      check(answer.status === 201, `the first request got ${answer.status}`)
      check(isRefusal(other), `${other.status}: told to wait for an answer that is not its own`)
      return `${other.status}`
    },
  },
  {
    id: 'IDEM-03',
    wants: 'another body under a finished key is refused, the first answer stays',
    async run(lab) {
      const url = await lab.start('pay')
      const first = await send(url, { key: lab.key() })
      const other = await send(url, { key: lab.key(), body: { amount: 900 } })
      check(isRefusal(other), `${other.status} for another body`)
      same(first, await send(url, { key: lab.key() }))
      paid(lab, 1)
      return `${other.status}`
    },
  },
  {
    id: 'IDEM-04',
    wants: 'a retry right after the answer finds it stored, also when the process died then',
    async run(lab) {
      const app = await lab.app()
      for (let i = 0; i < 30; i++) {
        const first = await send(app.url('pay'), { key: lab.key(`k${i}`) })
        same(first, await send(app.url('pay'), { key: lab.key(`k${i}`) }), 'an immediate retry')
      }
      const last = await send(app.url('pay'), { key: lab.key('last') })
      await app.child.kill()
      const next = await lab.another()
      same(
        last,
        await send(next.url('pay'), { key: lab.key('last') }),
        'the retry at the next process',
      )
      paid(lab, 31)
      return '31 answers replayed'
    },
  },
  {
    id: 'IDEM-27',
    wants: 'a client that disconnects and retries meets its first request still at work',
    async run(lab) {
      const app = await lab.app()
      const client = new AbortController()
      const sent = { key: lab.key(), signal: client.signal }
      const first = await hold(app, app.url('pay'), sent, 'handler.committed')
      client.abort()
      await first.answer
      const retry = await send(app.url('pay'), { key: lab.key() })
      first.go()
      const isStored = ({ status }: { status: number }) => status === 201
      const last = await lab.until(app.url('pay'), { key: lab.key() }, isStored, 3_000)
      paid(lab, 1)
      check(retry.status === 409, `the retry got ${retry.status}`)
      check(last?.status === 201, `afterwards ${last?.status ?? 'nothing'}`)
      return '409, then the answer'
    },
  },
  {
    id: 'IDEM-43',
    wants: 'waiting duplicates do not poll Redis',
    async run(lab) {
      const app = await lab.app()
      const first = await hold(app, app.url('pay'), { key: lab.key() }, 'handler.committed')
      const before = await commands(lab.redis)
      const duplicates = 200
      const sent = { key: lab.key(), patienceMs: 20_000 }
      await Promise.all(Array.from({ length: duplicates }, () => send(app.url('pay'), sent)))
      const each = ((await commands(lab.redis)) - before) / duplicates
      first.go()
      await answered(first)
      paid(lab, 1)
      check(each <= 2.5, `${each.toFixed(1)} commands a duplicate`)
      return `${each.toFixed(1)} commands a duplicate`
    },
  },
  {
    id: 'IDEM-44',
    wants: 'equal bodies under two keys are two payments',
    async run(lab) {
      const url = await lab.start('pay')
      const [one, two] = [
        await send(url, { key: lab.key('k1') }),
        await send(url, { key: lab.key('k2') }),
      ]
      check(one.status === 201 && two.status === 201, `${one.status} and ${two.status}`)
      paid(lab, 2)
      return 'both paid'
    },
  },
  {
    id: 'IDEM-45',
    wants: 'a handler that calls its own API with the same key does not wait for itself',
    async run(lab) {
      const url = await lab.start('nested')
      const answer = await send(url, { key: lab.key() })
      check(answer.status === 201, `the outer request got ${answer.status}`)
      const { inner } = JSON.parse(answer.text) as { inner: number }
      check(inner === 201, `the inner request got ${inner}`)
      paid(lab, 2)
      return 'both ran'
    },
  },
]

/** Commands that clients sent, without those of this question. */
async function commands(redis: { info(section: string): Promise<string> }): Promise<number> {
  const stats = await redis.info('commandstats')
  const counted = /^cmdstat_(?:get|set|setex|evalsha|eval|getex|exists|hget|hgetall):calls=(\d+)/gm
  return [...stats.matchAll(counted)].reduce((sum, match) => {
    const inside = /^cmdstat_(?:get|set|exists)/.test(match[0]) && stats.includes('cmdstat_evalsha')
    return sum + (inside ? 0 : Number(match[1]))
  }, 0)
}
