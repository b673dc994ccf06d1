import assert from 'node:assert/strict'
import type { Checkpoint, ClaimRequest, ClaimResult, IdempotencyStore } from '../../store.ts'
import type { StoreClause } from './clause.ts'
import {
  acquire,
  claimRequest,
  completion,
  lapsed,
  leaseOver,
  lease,
  mustBe,
  rival,
  textOf,
} from './clause.ts'

/** Waits until the lease is over, and takes the record. */
async function takeOver(
  store: IdempotencyStore,
  request: ClaimRequest,
): Promise<Extract<ClaimResult, { verdict: 'acquired' }>> {
  await leaseOver(store, request.id)
  const result = await store.claim(request)
  mustBe(result, 'acquired')
  return result
}

const checkpoint = (text: string, fields: Partial<Checkpoint> = {}): Checkpoint => ({
  payload: Buffer.from(text),
  ...lease,
  ...fields,
})

export const checkpointClauses: readonly StoreClause[] = [
  {
    title: 'gives whoever takes a record over what its owners have recorded last',
    async check(store) {
      const { request, handle } = await lapsed(store, { state: 'started' })
      assert.equal(await store.checkpoint(handle, checkpoint('one')), 'ok')
      assert.equal(await store.checkpoint(handle, checkpoint('one, two', { leaseMs: 1 })), 'ok')
      const next = await takeOver(store, rival(request, { leaseMs: 1 }))
      assert.equal(textOf(next.checkpoint), 'one, two')
      const third = await takeOver(store, rival(request))
      assert.deepEqual([third.attempt, textOf(third.checkpoint)], [3, 'one, two'])
    },
  },
  {
    title: 'gives a first owner nothing, and the same token its own again',
    async check(store) {
      const request = claimRequest({ state: 'started' })
      const first = await store.claim(request)
      mustBe(first, 'acquired')
      assert.equal(first.checkpoint.byteLength, 0)
      assert.equal(await store.checkpoint({ ...request, ...first }, checkpoint('one')), 'ok')
      const again = await store.claim(request)
      mustBe(again, 'acquired')
      assert.deepEqual([again.attempt, textOf(again.checkpoint)], [1, 'one'])
    },
  },
  {
    title: 'survives renewal, the commit point, and an outcome that is unknown',
    async check(store) {
      const request = claimRequest({ state: 'started' })
      const handle = await acquire(store, request)
      await store.checkpoint(handle, checkpoint('one'))
      await store.renew(handle, lease)
      await store.mark(handle, 'committed', lease)
      await store.mark(handle, 'indeterminate', lease)
      assert.equal(textOf((await store.inspect(request.id))?.payload), 'one')
      const next = await store.claim(rival(request, { onIndeterminate: 'recover' }))
      mustBe(next, 'acquired')
      assert.equal(textOf(next.checkpoint), 'one')
    },
  },
  {
    title: 'prolongs the lease, and keeps the state',
    async check(store) {
      const { request, handle } = await lapsed(store, { state: 'started' })
      await store.checkpoint(handle, checkpoint('one', { leaseMs: 40_000, graceMs: 1_000 }))
      const view = await store.inspect(request.id)
      assert.ok(view !== undefined && view.leaseRemainingMs > 30_000)
      assert.ok(view.expiresInMs > 35_000 && view.expiresInMs <= 41_000)
      assert.deepEqual([view.state, view.attempt, view.fence], ['started', 1, handle.fence])
    },
  },
  {
    title: 'IDEM-08 is stale for a claim that was taken over, and undoes nothing of the new one',
    async check(store) {
      const { request, handle } = await lapsed(store, { state: 'started' })
      const next = await acquire(store, rival(request))
      await store.checkpoint(next, checkpoint('newer'))
      assert.equal(await store.checkpoint(handle, checkpoint('older')), 'stale')
      assert.equal(textOf((await store.inspect(request.id))?.payload), 'newer')
    },
  },
  {
    title: 'is stale once the claim has ended, and is no part of the result',
    async check(store) {
      const request = claimRequest()
      const handle = await acquire(store, request)
      await store.checkpoint(handle, checkpoint('one'))
      await store.complete(handle, completion('done'))
      assert.equal(await store.checkpoint(handle, checkpoint('late')), 'stale')
      assert.equal(textOf((await store.inspect(request.id))?.payload), 'done')
    },
  },
]
