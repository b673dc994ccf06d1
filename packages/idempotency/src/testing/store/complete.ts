import assert from 'node:assert/strict'
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
import { until } from '../until.ts'

export const completeClauses: readonly StoreClause[] = [
  {
    title: 'IDEM-20 gives every later claim the stored bytes',
    async check(store) {
      const request = claimRequest()
      const payload = Buffer.from(Array.from({ length: 512 }, (_, at) => at % 256))
      const handle = await acquire(store, request)
      assert.equal(await store.complete(handle, { ...completion(''), payload }), 'ok')
      const verdict = await store.claim(rival(request))
      mustBe(verdict, 'completed')
      assert.deepEqual(Buffer.from(verdict.payload), payload)
    },
  },
  {
    title: 'IDEM-12 answers ok to the same token again, and keeps the first result',
    async check(store) {
      const request = claimRequest()
      const handle = await acquire(store, request)
      assert.equal(await store.complete(handle, completion('first')), 'ok')
      assert.equal(await store.complete(handle, completion('second')), 'ok')
      assert.equal(textOf((await store.inspect(request.id))?.payload), 'first')
    },
  },
  {
    title: 'IDEM-08 refuses the late result of an owner that was replaced',
    async check(store) {
      const { request, handle } = await lapsed(store, { state: 'started' })
      const next = await acquire(store, rival(request))
      await store.complete(next, completion('newer'))
      assert.equal(await store.complete(handle, completion('older')), 'stale')
      assert.equal(textOf((await store.inspect(request.id))?.payload), 'newer')
    },
  },
  {
    title: 'accepts the owner of a lapsed or indeterminate claim that nobody took over',
    async check(store) {
      const crashed = await lapsed(store, { state: 'committed' })
      assert.equal(await store.complete(crashed.handle, completion('late')), 'ok')
      const failed = await acquire(store, claimRequest())
      await store.mark(failed, 'indeterminate', lease)
      assert.equal(await store.complete(failed, completion('late')), 'ok')
    },
  },
  {
    title: 'IDEM-39 writes a record anew that the store has lost',
    async check(store) {
      const handle = { ...claimRequest(), fence: 41, attempt: 3 }
      assert.equal(await store.complete(handle, completion('done')), 'ok')
      const view = await store.inspect(handle.id)
      assert.deepEqual([view?.state, view?.attempt, view?.fence], ['completed', 3, 41])
      mustBe(await store.claim(rival(handle)), 'completed')
    },
  },
  {
    title: 'IDEM-19 keeps a tombstone apart from a result',
    async check(store) {
      const request = claimRequest()
      await store.complete(await acquire(store, request), completion('', true))
      const verdict = await store.claim(rival(request))
      mustBe(verdict, 'completed')
      assert.equal(verdict.omitted, true)
      assert.equal((await store.inspect(request.id))?.state, 'tombstone')
    },
  },
  {
    title: 'forgets the result when its retention ends, counted from completion',
    async check(store) {
      const request = claimRequest()
      const handle = await acquire(store, request)
      await store.complete(handle, { ...completion('done'), retentionMs: 40 })
      await until('a result kept for 40 ms is forgotten', async () => {
        return (await store.inspect(request.id)) === undefined
      })
      mustBe(await store.claim(rival(request)), 'acquired')
    },
  },
]
