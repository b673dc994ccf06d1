import assert from 'node:assert/strict'
import type { StoreClause } from './clause.ts'
import { acquire, claimRequest } from './clause.ts'

export const inspectClauses: readonly StoreClause[] = [
  {
    title: 'shows a record without changing it',
    async check(store) {
      assert.equal(await store.inspect('unseen'), undefined)
      const request = claimRequest({ leaseMs: 10_000, graceMs: 20_000 })
      await acquire(store, request)
      const view = await store.inspect(request.id)
      assert.ok(view !== undefined)
      assert.deepEqual([view.id, view.state, view.attempt], [request.id, 'committed', 1])
      assert.equal(view.standing, 'running')
      assert.deepEqual(Buffer.from(view.fingerprint), Buffer.from(request.fingerprint))
      assert.ok(view.leaseRemainingMs <= 10_000)
      assert.ok(view.expiresInMs <= 30_000 && view.expiresInMs > 25_000)
    },
  },
]
