import assert from 'node:assert/strict'
import type { StoreClause } from './clause.ts'
import { acquire, claimRequest, completion, lapsed, lease, mustBe, rival } from './clause.ts'

export const renewClauses: readonly StoreClause[] = [
  {
    title: 'prolongs the lease',
    async check(store) {
      const request = claimRequest({ leaseMs: 5_000 })
      const handle = await acquire(store, request)
      assert.equal(await store.renew(handle, { leaseMs: 50_000, graceMs: 1_000 }), 'ok')
      const view = await store.inspect(request.id)
      assert.ok(view !== undefined && view.leaseRemainingMs > 40_000)
      assert.ok(view.expiresInMs > 45_000 && view.expiresInMs <= 51_000)
    },
  },
  {
    title: 'prolongs a lapsed lease that nobody took over',
    async check(store) {
      const { request, handle } = await lapsed(store, { state: 'committed' })
      assert.equal(await store.renew(handle, lease), 'ok')
      mustBe(await store.claim(rival(request)), 'in_progress')
    },
  },
  {
    title: 'is stale for a claim that was taken over, and leaves the new one alone',
    async check(store) {
      const { request, handle } = await lapsed(store, { state: 'started' })
      await acquire(store, rival(request, { leaseMs: 20_000 }))
      assert.equal(await store.renew(handle, { leaseMs: 90_000, graceMs: 0 }), 'stale')
      const view = await store.inspect(request.id)
      assert.ok(view !== undefined && view.leaseRemainingMs <= 20_000)
    },
  },
  {
    title: 'is stale once the claim has ended',
    async check(store) {
      const handle = await acquire(store, claimRequest())
      await store.complete(handle, completion('done'))
      assert.equal(await store.renew(handle, lease), 'stale')
      assert.equal(await store.renew(await acquire(store, claimRequest()), lease), 'ok')
    },
  },
]
