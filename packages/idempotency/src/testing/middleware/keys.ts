import assert from 'node:assert/strict'
import { counting, mustBeProblem, mustReplay, serving } from './clause.ts'
import type { MiddlewareClause, WireRequest } from './clause.ts'

/** What a key may look like. */
export const keyClauses: readonly MiddlewareClause[] = [
  refuses('no key', {}),
  refuses('an empty key', { key: '' }),
  refuses('an empty key in quotes', { key: '""' }),
  refuses('a key of 256 characters', { key: 'k'.repeat(256) }),
  refuses('two keys joined by a comma', { key: 'k1,k2' }),
  refuses('two headers', { headers: { 'Idempotency-Key': ['k1', 'k1'] } }),
  refuses('a key with a space', { key: 'k 1' }),
  refuses('a key with a tab', { key: 'k\t1' }),
  refuses('a quote that is not closed', { key: '"k1' }),
  {
    title: 'IDEM-32 takes a key for the same in quotes and bare',
    async check(start) {
      await serving(start, counting(), async (wire) => {
        const first = await wire.send({ key: '8e03978e-40d5-43e8' })
        mustReplay(await wire.send({ key: '"8e03978e-40d5-43e8"' }), first)
      })
    },
  },
  {
    title: 'IDEM-32 takes a key of 255 characters',
    async check(start) {
      await serving(start, counting(), async (wire) => {
        const answer = await wire.send({ key: 'k'.repeat(255) })
        assert.deepEqual([answer.status, answer.isReplay], [201, false])
      })
    },
  },
]

function refuses(what: string, request: WireRequest): MiddlewareClause {
  return {
    title: `IDEM-32 refuses ${what} with 400, and executes nothing`,
    async check(start) {
      const handler = counting()
      await serving(start, handler, async (wire) => {
        mustBeProblem(await wire.send(request), 400)
        assert.equal(handler.calls, 0)
      })
    },
  }
}
