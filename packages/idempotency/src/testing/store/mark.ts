import assert from 'node:assert/strict'
import type { StoreClause } from './clause.ts'
import { acquire, claimRequest, lapsed, lease, rival } from './clause.ts'

export const markClauses: readonly StoreClause[] = [
  {
    title: 'moves a claim past its commit point, also when asked twice',
    async check(store) {
      const request = claimRequest({ state: 'started' })
      const handle = await acquire(store, request)
      assert.equal(await store.mark(handle, 'committed', lease), 'ok')
      assert.equal(await store.mark(handle, 'committed', lease), 'ok')
      assert.equal((await store.inspect(request.id))?.state, 'committed')
    },
  },
  {
    title: 'declares an outcome unknown at once, without waiting for the lease',
    async check(store) {
      const request = claimRequest()
      const handle = await acquire(store, request)
      assert.equal(await store.mark(handle, 'indeterminate', lease), 'ok')
      const verdict = await store.claim(rival(request))
      assert.deepEqual(verdict, { verdict: 'indeterminate', reason: 'failed' })
      assert.equal(await store.mark(handle, 'committed', lease), 'stale')
    },
  },
  {
    title: 'makes an ordinary claim of a recovery, and takes no commit point back',
    async check(store) {
      const request = claimRequest()
      const failed = await acquire(store, request)
      await store.mark(failed, 'indeterminate', lease)
      const recovery = await acquire(store, rival(request, { onIndeterminate: 'recover' }))
      assert.equal(await store.mark(recovery, 'started', lease), 'ok')
      assert.equal((await store.inspect(request.id))?.state, 'started')
      assert.equal(await store.mark(recovery, 'committed', lease), 'ok')
      assert.equal(await store.mark(recovery, 'started', lease), 'stale')
      assert.equal((await store.inspect(request.id))?.state, 'committed')
    },
  },
  {
    title: 'is stale for a claim that was taken over',
    async check(store) {
      const { request, handle } = await lapsed(store, { state: 'started' })
      await acquire(store, rival(request, { state: 'started' }))
      assert.equal(await store.mark(handle, 'committed', lease), 'stale')
      assert.equal(await store.mark(handle, 'indeterminate', lease), 'stale')
      assert.equal((await store.inspect(request.id))?.state, 'started')
    },
  },
]
