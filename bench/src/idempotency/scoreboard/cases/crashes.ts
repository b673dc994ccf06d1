import { pause } from '@payflow/testkit'
import { send } from '../http.ts'
import { leaseMs } from '../lab.ts'
import { answered, check, type HazardCase, hold, paid, same } from './case.ts'

const created = ({ status }: { status: number }): boolean => status === 201
const lapse = (): Promise<void> => pause(1.6 * leaseMs)

/** Processes that die, stand still or are slow. */
export const crashes: readonly HazardCase[] = [
  {
    id: 'IDEM-05',
    wants: 'killed after the claim and before the effect: the retry pays within three leases',
    async run(lab) {
      const app = await lab.app()
      const first = await hold(app, app.url('pay'), { key: lab.key() }, 'handler.entered')
      await app.child.kill()
      await first.answer
      const next = await lab.another()
      const retry = await lab.until(next.url('pay'), { key: lab.key() }, created, 3 * leaseMs)
      const ttlMs = Math.max(0, ...(await lab.inspect(lab.key())).map((stored) => stored.ttlMs))
      check(
        retry?.status === 201,
        `${retry?.status ?? 'no answer'} for another ${Math.round(ttlMs / 3_600_000)} h`,
      )
      paid(lab, 1)
      return 'paid once, after the lease'
    },
  },
  {
    id: 'IDEM-06',
    wants: 'killed after the effect and before the answer is stored: never paid again',
    async run(lab) {
      const app = await lab.app()
      const first = await hold(app, app.url('pay'), { key: lab.key() }, 'handler.paid')
      await app.child.kill()
      await first.answer
      await lapse()
      const next = await lab.another()
      const retry = await send(next.url('pay'), { key: lab.key() })
      paid(lab, 1)
      return `${retry.status}, ${retry.headers['retry-after'] === undefined ? 'final' : 'try again'}`
    },
  },
  {
    id: 'IDEM-07',
    wants: 'a handler slower than its lease stays the only one',
    async run(lab) {
      const app = await lab.app()
      const first = await hold(app, app.url('pay'), { key: lab.key() }, 'handler.paid')
      for (let i = 0; i < 3; i++) {
        await pause(0.8 * leaseMs)
        const retry = await send(app.url('pay'), { key: lab.key() })
        check(retry.status === 409, `a retry got ${retry.status} after ${i + 1} × 0.8 leases`)
      }
      first.go()
      const answer = await answered(first)
      same(answer, await send(app.url('pay'), { key: lab.key() }))
      paid(lab, 1)
      return '409 throughout, then the answer'
    },
  },
  {
    id: 'IDEM-08',
    wants: 'an owner that stood still longer than its lease does not overwrite the newer answer',
    async run(lab) {
      const [old, next] = [await lab.app(), await lab.another()]
      const first = await hold(old, old.url('pay'), { key: lab.key() }, 'handler.entered')
      process.kill(old.child.pid, 'SIGSTOP')
      await lapse()
      const newer = await send(next.url('pay'), { key: lab.key() })
      process.kill(old.child.pid, 'SIGCONT')
      first.go()
      const late = await first.answer
      check(!(late instanceof Error), 'the old owner’s client got no answer')
      const stored = await send(next.url('pay'), { key: lab.key() })
      paid(lab, 1)
      if (newer.status === 201) same(newer, stored, 'a later retry')
      return newer.status === 201 ? 'the newer answer stays' : 'no takeover'
    },
  },
  {
    id: 'IDEM-09',
    wants: 'an owner that stood still and then fails does not delete the newer claim',
    async run(lab) {
      const [old, next] = [await lab.app(), await lab.another()]
      const url = next.url('throws-before')
      await send(url, { key: lab.key('uses-up-its-failure') })
      const first = await hold(old, old.url('throws-before'), { key: lab.key() }, 'handler.entered')
      process.kill(old.child.pid, 'SIGSTOP')
      await lapse()
      await next.child.arm('handler.entered', 'stop')
      const newer = send(url, { key: lab.key() })
      const isIn = await Promise.race([
        next.child.reached('handler.entered').then(() => true),
        newer.then(() => false),
      ])
      process.kill(old.child.pid, 'SIGCONT')
      first.go()
      await first.answer
      if (!isIn) return 'no takeover'
      const third = await send(url, { key: lab.key(), patienceMs: 1_500 }).catch(() => undefined)
      next.child.go('handler.entered')
      const answer = await newer
      check(answer.status === 201, `the newer owner's client got ${answer.status}`)
      check(third?.status === 409, `a third request got ${third?.status ?? 'no answer: it ran'}`)
      paid(lab, 1)
      return 'the newer claim stays'
    },
  },
  {
    id: 'IDEM-24',
    wants: 'a handler that throws: free before its effect, never run again after it',
    async run(lab) {
      const app = await lab.another()
      const before = await send(app.url('throws-before'), { key: lab.key('k1') })
      check(before.status === 500, `the first answer is ${before.status}`)
      const retry = await lab.until(
        app.url('throws-before'),
        { key: lab.key('k1') },
        created,
        2 * leaseMs,
      )
      check(
        retry?.status === 201,
        `stuck: ${retry?.status ?? 'no answer'} after a harmless failure`,
      )
      const after = await send(app.url('throws-after'), { key: lab.key('k2') })
      check(after.status === 500, `the answer of a failure is ${after.status}`)
      const again = await send(app.url('throws-after'), { key: lab.key('k2') })
      paid(lab, 2)
      return `ran again, then ${again.status}`
    },
  },
  {
    id: 'IDEM-41',
    wants: 'asked to stop, a process finishes and leaves an answer behind',
    async run(lab) {
      const app = await lab.app()
      const first = await hold(app, app.url('pay'), { key: lab.key() }, 'handler.paid')
      process.kill(app.child.pid, 'SIGTERM')
      first.go()
      const answer = await answered(first)
      await app.child.exited
      const next = await lab.another()
      same(answer, await send(next.url('pay'), { key: lab.key() }))
      paid(lab, 1)
      return 'replayed by the next process'
    },
  },
  {
    id: 'IDEM-47',
    wants: 'an event loop blocked longer than the lease does not let a second one pay',
    async run(lab) {
      const [blocked, next] = [await lab.app(), await lab.another()]
      const first = send(blocked.url('blocks'), { key: lab.key(), patienceMs: 12_000 })
      await pause(1.6 * leaseMs)
      const retry = await send(next.url('pay'), { key: lab.key('other') })
      check(retry.status === 201, `another key got ${retry.status}`)
      await next.child.arm('handler.entered', 'report')
      const again = await send(next.url('blocks'), { key: lab.key(), patienceMs: 12_000 })
      await first
      paid(lab, 2)
      return `${again.status} meanwhile`
    },
  },
]
