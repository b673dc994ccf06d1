import assert from 'node:assert/strict'
import { until } from '../until.ts'
import type { StoreClause } from './clause.ts'
import {
  acquire,
  claimRequest,
  completion,
  lapsed,
  lease,
  mustBe,
  rival,
  textOf,
} from './clause.ts'

export const releaseClauses: readonly StoreClause[] = [
  {
    title: 'makes the key new, also when asked twice',
    async check(store) {
      const request = claimRequest()
      const handle = await acquire(store, request)
      assert.equal(await store.release(handle), 'ok')
      assert.equal(await store.release(handle), 'ok')
      assert.equal(await store.inspect(request.id), undefined)
    },
  },
  {
    title: 'IDEM-09 never deletes the claim of the next owner',
    async check(store) {
      const { request, handle } = await lapsed(store, { state: 'started' })
      await acquire(store, rival(request))
      assert.equal(await store.release(handle), 'stale')
      assert.equal((await store.inspect(request.id))?.attempt, 2)
    },
  },
  {
    title:
      'IDEM-06 IDEM-11 leaves a recovery that is given up indeterminate, also when asked twice',
    async check(store) {
      const request = claimRequest()
      await store.mark(await acquire(store, request), 'indeterminate', lease)
      const recovery = await acquire(store, rival(request, { onIndeterminate: 'recover' }))
      assert.equal(await store.release(recovery), 'ok')
      assert.equal(await store.release(recovery), 'ok')
      assert.equal((await store.claim(rival(request))).verdict, 'indeterminate')
      assert.equal(await store.complete(recovery, completion('late')), 'stale')
    },
  },
  {
    title:
      'IDEM-06 tells the next owner that it is not the first, after one that took a record over',
    async check(store) {
      const request = claimRequest()
      await store.mark(await acquire(store, request), 'indeterminate', lease)
      const second = await acquire(store, rival(request, { onIndeterminate: 'execute' }))
      assert.equal(await store.release(second), 'ok')
      assert.equal(await store.release(second), 'ok')
      const third = await acquire(store, rival(request, { onIndeterminate: 'execute' }))
      assert.deepEqual([second.attempt, third.attempt], [2, 3])
      assert.ok(third.fence > second.fence)
    },
  },
  {
    title: 'never deletes a finished record',
    async check(store) {
      const handle = await acquire(store, claimRequest())
      await store.complete(handle, completion('done'))
      assert.equal(await store.release(handle), 'stale')
      assert.equal((await store.inspect(handle.id))?.state, 'completed')
    },
  },
  {
    title: 'only ends the lease of a claim with a checkpoint, also when asked twice',
    async check(store) {
      const request = claimRequest()
      const handle = await acquire(store, request)
      await store.checkpoint(handle, { ...lease, payload: Buffer.from('one') })
      assert.equal(await store.release(handle), 'ok')
      assert.equal(await store.release(handle), 'ok')
      assert.equal((await store.inspect(request.id))?.standing, 'lapsed')
      assert.equal(await store.renew(handle, lease), 'stale')
      const next = await store.claim(rival(request))
      mustBe(next, 'acquired')
      assert.deepEqual([next.attempt, textOf(next.checkpoint)], [2, 'one'])
      assert.ok(next.fence > handle.fence)
    },
  },
  {
    title: 'does not let the fence go back for the next first owner',
    async check(store) {
      const request = claimRequest()
      const handle = await acquire(store, request)
      await store.release(handle)
      const start = await until('a later claim has a higher fence', async () => {
        const next = await acquire(store, rival(request))
        await store.release(next)
        return next.fence > handle.fence && next
      })
      assert.equal(start.attempt, 1)
    },
  },
]
