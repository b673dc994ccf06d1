// The memory store and the Redis store give the same answers to any sequence of steps by three
// owners. What handlers are tested against in memory is then what they meet in production.
import fc from 'fast-check'
import { it } from 'vitest'
import { expect } from 'vitest'
import type { ClaimHandle, ClaimRequest, IdempotencyStore } from '../src/index.ts'
import { memoryStore } from '../src/memory/index.ts'
import { isolatedStore } from './support/redis.ts'
import { claimRequest } from '../src/testing/index.ts'

const owner = fc.integer({ min: 0, max: 2 })
const step = fc.oneof(
  fc.record({
    verb: fc.constant('claim' as const),
    owner,
    state: fc.constantFrom('started' as const, 'committed' as const),
    onIndeterminate: fc.constantFrom('reject', 'execute', 'recover'),
    fingerprint: fc.constantFrom(1, 1, 1, 2),
  }),
  fc.record({
    verb: fc.constantFrom('renew' as const, 'commit' as const, 'restart' as const),
    owner,
  }),
  fc.record({ verb: fc.constant('abandon' as const), owner }),
  fc.record({ verb: fc.constant('checkpoint' as const), owner }),
  fc.record({ verb: fc.constantFrom('resolve' as const, 'forget' as const), owner }),
  fc.record({ verb: fc.constant('release' as const), owner }),
  fc.record({ verb: fc.constant('complete' as const), owner, omitted: fc.boolean() }),
)
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never

const lease = { leaseMs: 600_000, graceMs: 600_000 }

/** Plays the steps on a store and writes down every answer, but for what time or chance decides. */
async function play(
  store: IdempotencyStore,
  first: ClaimRequest,
  steps: Step[],
): Promise<unknown[]> {
  const log: unknown[] = []
  for (const taken of steps) {
    const handle: ClaimHandle = {
      ...first,
      fingerprint: Buffer.alloc(32, 1),
      token: Buffer.alloc(16, taken.owner + 1),
      fence: 1,
      attempt: 1,
    }
    log.push([taken.verb, taken.owner, await take(store, first, handle, taken)])
    const view = await store.inspect(first.id)
    log.push(
      view && [view.state, view.standing, view.attempt, Buffer.from(view.payload).toString()],
    )
  }
  return log
}

async function take(
  store: IdempotencyStore,
  first: ClaimRequest,
  handle: ClaimHandle,
  taken: Step,
): Promise<unknown> {
  switch (taken.verb) {
    case 'claim': {
      const { state, onIndeterminate } = taken
      const fingerprint = Buffer.alloc(32, taken.fingerprint)
      const request = { ...first, token: handle.token, fingerprint, state, onIndeterminate }
      const result = await store.claim({ ...request, ...lease })
      if (result.verdict === 'acquired') {
        const { attempt, recovering, checkpoint } = result
        return ['acquired', attempt, recovering, Buffer.from(checkpoint).toString()]
      }
      if (result.verdict === 'completed') {
        return ['completed', result.omitted, Buffer.from(result.payload).toString()]
      }
      return result.verdict === 'in_progress' ? ['in_progress'] : result
    }
    case 'renew':
      return store.renew(handle, lease)
    case 'commit':
      return store.mark(handle, 'committed', lease)
    case 'restart':
      return store.mark(handle, 'started', lease)
    case 'abandon':
      return store.mark(handle, 'indeterminate', lease)
    case 'checkpoint':
      return store.checkpoint(handle, { ...lease, payload: Buffer.from(`steps of ${taken.owner}`) })
    case 'resolve':
    case 'forget':
      return operate(store, handle, taken.verb)
    case 'release':
      return store.release(handle)
    case 'complete': {
      const payload = Buffer.from(`by ${taken.owner}`)
      return store.complete(handle, { payload, omitted: taken.omitted, retentionMs: 600_000 })
    }
  }
}

async function operate(
  store: IdempotencyStore,
  { id, token }: ClaimHandle,
  verb: 'resolve' | 'forget',
): Promise<unknown> {
  const payload = Buffer.from('resolved')
  const answer = await (verb === 'resolve'
    ? store.resolve({ id, token, payload, omitted: false, retentionMs: 600_000 })
    : store.forget({ id, ifStanding: 'indeterminate' }))
  return answer.outcome === 'refused' ? [answer.outcome, answer.standing] : answer
}

it('gives the same answers in memory and in Redis, whatever three owners do', async () => {
  const inRedis = isolatedStore()
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 12 }), async (steps) => {
      const first = claimRequest()
      const inMemory = memoryStore()
      expect(await play(inRedis, first, steps)).toEqual(await play(inMemory, first, steps))
    }),
    { numRuns: 200 },
  )
})
