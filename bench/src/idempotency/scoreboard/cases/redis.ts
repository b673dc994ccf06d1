import { pause } from '@payflow/testkit'
import { send } from '../http.ts'
import { leaseMs } from '../lab.ts'
import { answered, check, type HazardCase, hold, paid, same } from './case.ts'

const created = ({ status }: { status: number }): boolean => status === 201

/** Redis at its worst. */
export const redisFaults: readonly HazardCase[] = [
  {
    id: 'IDEM-10',
    wants: 'the answer to a claim is lost on its way: the request or its retry pays, once',
    async run(lab) {
      const url = await lab.start('pay')
      await send(url, { key: lab.key('warm-up') })
      const lost = lab.proxy.loseNextAnswer()
      const first = await send(url, { key: lab.key() }).catch(() => undefined)
      await lost
      const retry = await lab.until(url, { key: lab.key() }, created, 3 * leaseMs)
      check(retry?.status === 201, `stuck: ${retry?.status ?? 'no answer'}`)
      paid(lab, 2)
      return first?.status === 201 ? 'its own claim recognised' : 'the retry paid'
    },
  },
  {
    id: 'IDEM-11',
    wants: 'a claim that came too late does not block the key',
    async run(lab) {
      const url = await lab.start('pay')
      await send(url, { key: lab.key('warm-up') })
      lab.server.freeze()
      const first = await send(url, { key: lab.key(), patienceMs: 1_000 }).catch(() => undefined)
      lab.server.resume()
      const retry = await lab.until(url, { key: lab.key() }, created, 3 * leaseMs)
      check(retry?.status === 201, `stuck: ${retry?.status ?? 'no answer'}`)
      paid(lab, 2)
      return first === undefined ? 'hung, then paid once' : `${first.status}, then paid once`
    },
  },
  {
    id: 'IDEM-12',
    wants: 'Redis goes away after the effect: the client gets its answer, nobody pays again',
    async run(lab) {
      const app = await lab.app()
      const first = await hold(app, app.url('pay'), { key: lab.key() }, 'handler.paid')
      lab.proxy.cut()
      first.go()
      const answer = await Promise.race([first.answer, pause(3_000)])
      lab.proxy.heal()
      await pause(1.6 * leaseMs)
      const url = app.url('pay')
      const retry = await send(url, { key: lab.key() }).catch(() => undefined)
      const again = retry ?? (await send((await lab.another()).url('pay'), { key: lab.key() }))
      paid(lab, 1)
      check(answer !== undefined && 'status' in answer, 'the client of the payment got no answer')
      check(answer.status === 201, `the client of the payment got ${answer.status}`)
      return `201, then ${again.status}`
    },
  },
  {
    id: 'IDEM-13',
    wants: 'Redis does not answer: refused within two seconds, nothing paid',
    async run(lab) {
      const url = await lab.start('pay')
      await send(url, { key: lab.key('warm-up') })
      lab.server.freeze()
      const began = performance.now()
      const answer = await send(url, { key: lab.key(), patienceMs: 2_000 }).catch(() => undefined)
      const ms = Math.round(performance.now() - began)
      lab.server.resume()
      check(answer !== undefined, 'hung for two seconds')
      check(answer.status === 503 || answer.status === 500, `${answer.status}`)
      return `${answer.status} after ${ms} ms`
    },
  },
  {
    id: 'IDEM-14',
    wants: 'Redis is full: refused before the effect, recorded all the same after it',
    async run(lab) {
      const app = await lab.app()
      const first = await hold(app, app.url('pay'), { key: lab.key() }, 'handler.paid')
      await lab.redis.config('SET', 'maxmemory', '1mb')
      const early = await send(app.url('pay'), { key: lab.key('k2') }).catch(() => undefined)
      check(early !== undefined, 'a request at a full Redis got no answer')
      check(early.status >= 500, `a request at a full Redis got ${early.status}`)
      first.go()
      const answer = await answered(first)
      check(answer.status === 201, `the client of the payment got ${answer.status}`)
      await lab.redis.config('SET', 'maxmemory', '0')
      same(answer, await send(app.url('pay'), { key: lab.key() }))
      paid(lab, 1)
      return `${early.status} before, recorded after`
    },
  },
  {
    id: 'IDEM-15',
    wants: 'a Redis that may evict claims is refused, or warned about',
    async run(lab) {
      await lab.redis.config('SET', 'maxmemory-policy', 'allkeys-lru')
      const app = await lab.another().catch(() => undefined)
      if (app === undefined) return 'does not start'
      const answer = await send(app.url('pay'), { key: lab.key() }).catch(() => undefined)
      if (answer?.status === 503) return '503'
      const said = app.child.stdout() + app.child.stderr()
      check(/evict|maxmemory-policy/i.test(said), 'no word about it')
      return 'a warning'
    },
  },
  {
    id: 'IDEM-17',
    wants: 'a process whose clock is ten minutes ahead respects a running claim',
    async run(lab) {
      const [app, ahead] = [await lab.app(), await lab.another({ skewMs: 600_000 })]
      const first = await hold(app, app.url('pay'), { key: lab.key() }, 'handler.committed')
      const other = await send(ahead.url('pay'), { key: lab.key() })
      first.go()
      await answered(first)
      paid(lab, 1)
      check(other.status === 409, `it got ${other.status}`)
      return '409'
    },
  },
  {
    id: 'IDEM-38',
    wants: 'a record that cannot be read is not taken for none',
    async run(lab) {
      const url = await lab.start('pay')
      await send(url, { key: lab.key() })
      for (const { name } of await lab.inspect(lab.key())) {
        await lab.redis.set(name, 'not a record of anybody', 'KEEPTTL')
      }
      const retry = await send(url, { key: lab.key() }).catch(() => undefined)
      paid(lab, 1)
      check(retry !== undefined, 'the retry got no answer')
      check(retry.status >= 400, `the retry got ${retry.status}`)
      return `${retry.status}`
    },
  },
  {
    id: 'IDEM-39',
    wants: 'SCRIPT FLUSH between two requests changes nothing',
    async run(lab) {
      const url = await lab.start('pay')
      const first = await send(url, { key: lab.key() })
      await lab.redis.script('FLUSH')
      same(first, await send(url, { key: lab.key() }))
      const next = await send(url, { key: lab.key('k2') })
      check(next.status === 201, `the next request got ${next.status}`)
      paid(lab, 2)
      return 'replayed, and paid the next one'
    },
  },
]
