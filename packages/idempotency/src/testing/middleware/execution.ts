import assert from 'node:assert/strict'
import { gate } from '../gate.ts'
import { until } from '../until.ts'
import { counting, jsonAnswer, mustBeProblem, mustReplay, serving } from './clause.ts'
import type { ContractHandler, MiddlewareClause } from './clause.ts'

/** How often the handler runs. */
export const executionClauses: readonly MiddlewareClause[] = [
  {
    title: 'IDEM-01 executes once of twenty at the same moment; the others wait or get 409',
    async check(start) {
      const door = gate()
      const { handler, calls } = behind(door)
      await serving(start, handler, async (wire) => {
        const all = Array.from({ length: 20 }, () => wire.open({ key: 'k1' }))
        await Promise.all([door.reached, ...all.map((request) => request.written)])
        door.open()
        const answers = await Promise.all(all.map((request) => request.answer))
        const executed = answers.filter((answer) => answer.status === 201 && !answer.isReplay)
        assert.equal(executed.length, 1)
        for (const answer of answers) if (answer.status !== 201) mustBeProblem(answer, 409)
        assert.equal(calls(), 1)
      })
    },
  },
  {
    title: 'IDEM-02 answers 422 to another body while the first is worked on',
    async check(start) {
      const door = gate()
      const { handler, calls } = behind(door)
      await serving(start, handler, async (wire) => {
        const first = wire.open({ key: 'k1', json: { amount: 1 } })
        await door.reached
        mustBeProblem(await wire.send({ key: 'k1', json: { amount: 2 } }), 422)
        door.open()
        assert.equal((await first.answer).status, 201)
        assert.equal(calls(), 1)
      })
    },
  },
  {
    title: 'IDEM-03 answers 422 to another body afterwards, and keeps the first answer',
    async check(start) {
      await serving(start, counting(), async (wire) => {
        const first = await wire.send({ key: 'k1', json: { amount: 1 } })
        mustBeProblem(await wire.send({ key: 'k1', json: { amount: 2 } }), 422)
        mustReplay(await wire.send({ key: 'k1', json: { amount: 1 } }), first)
      })
    },
  },
  {
    title: 'IDEM-04 replays to a retry that is sent the instant the answer is there',
    async check(start) {
      await serving(start, counting(), async (wire) => {
        for (let round = 0; round < 20; round += 1) {
          const first = await wire.send({ key: `k${round}` })
          mustReplay(await wire.send({ key: `k${round}` }), first)
        }
      })
    },
  },
  {
    title: 'IDEM-24 answers a handler that throws, and does not leave its key in progress',
    async check(start) {
      let calls = 0
      const handler: ContractHandler = () => {
        calls += 1
        throw new Error('half done')
      }
      await serving(start, handler, async (wire) => {
        assert.equal((await wire.send({ key: 'k1' })).status, 500)
        const retry = await wire.send({ key: 'k1' })
        mustBeProblem(retry, 409)
        assert.equal(retry.headers['retry-after'], undefined, 'waiting does not help')
        assert.equal(calls, 1)
      })
    },
  },
  {
    title: 'IDEM-26 IDEM-27 goes on when the client goes away, and replays what came of it',
    async check(start) {
      const door = gate()
      const { handler, calls } = behind(door)
      await serving(start, handler, async (wire) => {
        const first = wire.open({ key: 'k1' })
        await door.reached
        first.abandon()
        const second = wire.open({ key: 'k1' })
        await second.written
        door.open()
        await second.answer
        const answer = await until('the result of the abandoned request', async () => {
          const retry = await wire.send({ key: 'k1' })
          return retry.status === 201 && retry
        })
        assert.equal(answer.isReplay, true)
        assert.equal(calls(), 1)
      })
    },
  },
  {
    title: 'IDEM-28 keeps the same key of two users apart',
    async check(start) {
      const handler = counting()
      await serving(start, handler, async (wire) => {
        await wire.send({ key: 'k1', user: 'ada' })
        assert.equal((await wire.send({ key: 'k1', user: 'bob' })).isReplay, false)
        assert.equal(handler.calls, 2)
      })
    },
  },
  {
    title: 'IDEM-30 keeps the same key on two paths apart',
    async check(start) {
      const handler = counting()
      await serving(start, handler, async (wire) => {
        await wire.send({ key: 'k1', path: '/pay' })
        assert.equal((await wire.send({ key: 'k1', path: '/refund' })).isReplay, false)
        assert.equal(handler.calls, 2)
      })
    },
  },
  {
    title: 'IDEM-34 takes a body for the same whatever the order of its members',
    async check(start) {
      await serving(start, counting(), async (wire) => {
        const first = await wire.send({ key: 'k1', json: '{"a":1,"b":{"c":2,"d":3}}' })
        mustReplay(await wire.send({ key: 'k1', json: '{ "b": {"d":3,"c":2}, "a": 1 }' }), first)
      })
    },
  },
  {
    title: 'IDEM-44 never takes an equal body under another key for a repetition',
    async check(start) {
      const handler = counting()
      await serving(start, handler, async (wire) => {
        await wire.send({ key: 'k1' })
        const other = await wire.send({ key: 'k2' })
        assert.deepEqual([other.status, other.isReplay], [201, false])
        assert.equal(handler.calls, 2)
      })
    },
  },
]

/** A handler that waits at the door, and how often it was called. */
function behind(door: { pass(): Promise<void> }): {
  readonly handler: ContractHandler
  readonly calls: () => number
} {
  let calls = 0
  return {
    calls: () => calls,
    async handler() {
      calls += 1
      await door.pass()
      return jsonAnswer(201, { paid: true })
    },
  }
}
