import assert from 'node:assert/strict'
import { counting, jsonAnswer, mustReplay, serving } from './clause.ts'
import type { ContractAnswer, MiddlewareClause } from './clause.ts'

/** What is replayed, and what is not. */
export const answerClauses: readonly MiddlewareClause[] = [
  replays('IDEM-20 replays a binary body byte for byte', {
    status: 200,
    headers: { 'content-type': 'application/octet-stream' },
    body: Uint8Array.from({ length: 512 }, (_, at) => (at * 7) % 256),
  }),
  replays('IDEM-22 replays an empty answer', { status: 204 }),
  replays(
    'IDEM-22 replays a redirect with its target',
    { status: 303, headers: { location: '/payments/17' } },
    ['location'],
  ),
  ...['false', '0', '""', 'null'].map((text) =>
    replays(`IDEM-23 replays the body ${text}`, {
      status: 200,
      headers: { 'content-type': 'application/json' },
      body: Buffer.from(text),
    }),
  ),
  replays('IDEM-25 replays a final refusal of the handler', jsonAnswer(402, { declined: true }), [
    'content-type',
  ]),
  {
    title: 'IDEM-31 never replays a cookie',
    async check(start) {
      const answer = {
        ...jsonAnswer(201, {}),
        headers: { 'content-type': 'application/json', 'set-cookie': 'session=ada' },
      }
      await serving(
        start,
        () => answer,
        async (wire) => {
          const first = await wire.send({ key: 'k1' })
          assert.deepEqual(first.headers['set-cookie'], ['session=ada'])
          const retry = await wire.send({ key: 'k1' })
          mustReplay(retry, first)
          assert.equal(retry.headers['set-cookie'], undefined)
        },
      )
    },
  },
  {
    title: 'IDEM-37 does not believe a client that says it is a replay',
    async check(start) {
      const handler = counting()
      await serving(start, handler, async (wire) => {
        const headers = { 'Idempotent-Replayed': 'true' }
        assert.equal((await wire.send({ key: 'k1', headers })).isReplay, false)
        assert.equal(handler.calls, 1)
      })
    },
  },
]

function replays(
  title: string,
  answer: ContractAnswer,
  headers: readonly string[] = [],
): MiddlewareClause {
  return {
    title,
    async check(start) {
      let calls = 0
      const handler = (): ContractAnswer => {
        calls += 1
        return answer
      }
      await serving(start, handler, async (wire) => {
        const first = await wire.send({ key: 'k1' })
        assert.equal(first.status, answer.status)
        assert.deepEqual(first.body, Buffer.from(answer.body ?? []))
        const retry = await wire.send({ key: 'k1' })
        mustReplay(retry, first)
        for (const name of headers) assert.equal(retry.headers[name], first.headers[name])
        assert.equal(calls, 1)
      })
    },
  }
}
