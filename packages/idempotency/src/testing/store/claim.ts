import assert from 'node:assert/strict'
import type { ClaimResult } from '../../store.ts'
import type { StoreClause } from './clause.ts'
import {
  acquire,
  claimRequest,
  completion,
  lapsed,
  lease,
  leaseOver,
  mustBe,
  rival,
} from './clause.ts'

export const claimClauses: readonly StoreClause[] = [
  {
    title: 'IDEM-01 gives one record to exactly one of many',
    async check(store) {
      const first = claimRequest()
      const claims = Array.from({ length: 50 }, () => store.claim(rival(first)))
      const verdicts = (await Promise.all(claims)).map((claim) => claim.verdict).sort()
      const expected = ['acquired', ...Array.from({ length: 49 }, () => 'in_progress')]
      assert.deepEqual(verdicts, expected)
    },
  },
  {
    title: 'tells how long the running claim may still hold',
    async check(store) {
      const request = claimRequest({ leaseMs: 40_000 })
      await acquire(store, request)
      const verdict = await store.claim(rival(request))
      mustBe(verdict, 'in_progress')
      assert.ok(verdict.remainingMs > 30_000 && verdict.remainingMs <= 40_000)
    },
  },
  {
    title: 'IDEM-10 knows its own token again when a client library sends the claim twice',
    async check(store) {
      const request = claimRequest()
      const first = await store.claim(request)
      mustBe(first, 'acquired')
      assert.deepEqual(await store.claim(request), first)
    },
  },
  {
    title: 'IDEM-02 says mismatch for another fingerprint, running, lapsed and done',
    async check(store) {
      const other = { fingerprint: Buffer.alloc(32, 8) }
      const request = claimRequest()
      const handle = await acquire(store, request)
      mustBe(await store.claim(rival(request, other)), 'mismatch')
      await store.complete(handle, completion('done'))
      mustBe(await store.claim(rival(request, other)), 'mismatch')
      const crashed = await lapsed(store, { state: 'started' })
      mustBe(await store.claim(rival(crashed.request, other)), 'mismatch')
    },
  },
  {
    title: 'IDEM-05 gives a lapsed claim that had not begun its effect to the next owner',
    async check(store) {
      const { request, handle } = await lapsed(store, { state: 'started' })
      const next = await acquire(store, rival(request))
      assert.equal(next.attempt, 2)
      assert.ok(next.fence > handle.fence)
    },
  },
  {
    title: 'IDEM-06 keeps a lapsed claim past its commit point as indeterminate',
    async check(store) {
      const { request } = await lapsed(store, { state: 'committed' })
      const expected: ClaimResult = { verdict: 'indeterminate', reason: 'lapsed' }
      assert.deepEqual(await store.claim(rival(request)), expected)
      assert.deepEqual(await store.claim(rival(request)), expected)
    },
  },
  {
    title: 'gives a lapsed claim to a request that executes what is indeterminate',
    async check(store) {
      const { request } = await lapsed(store, { state: 'committed' })
      const next = await acquire(store, rival(request, { onIndeterminate: 'execute' }))
      assert.equal(next.attempt, 2)
    },
  },
  {
    title: 'IDEM-06 IDEM-10 tells whoever recovers an unknown outcome so, also when asked twice',
    async check(store) {
      const { request } = await lapsed(store, { state: 'committed' })
      const recovery = rival(request, { leaseMs: 60_000, onIndeterminate: 'recover' })
      const first = await store.claim(recovery)
      mustBe(first, 'acquired')
      assert.deepEqual([first.recovering, first.attempt], [true, 2])
      assert.deepEqual(await store.claim(recovery), first)
      mustBe(await store.claim(rival(recovery)), 'in_progress')
    },
  },
  {
    title: 'keeps a recovery that lapsed indeterminate, and gives it to the next one',
    async check(store) {
      const request = claimRequest()
      await store.mark(await acquire(store, request), 'indeterminate', lease)
      const recovery = rival(request, { leaseMs: 30, onIndeterminate: 'recover' })
      mustBe(await store.claim(recovery), 'acquired')
      await leaseOver(store, request.id)
      const refused = await store.claim(rival(request))
      assert.deepEqual(refused, { verdict: 'indeterminate', reason: 'lapsed' })
      const next = await store.claim(rival(request, { onIndeterminate: 'recover' }))
      mustBe(next, 'acquired')
      assert.deepEqual([next.recovering, next.attempt], [true, 3])
    },
  },
  {
    title: 'recovers nothing where the effect has not begun',
    async check(store) {
      const { request } = await lapsed(store, { state: 'started' })
      const next = await store.claim(rival(request, { onIndeterminate: 'recover' }))
      mustBe(next, 'acquired')
      assert.deepEqual([next.recovering, next.attempt], [false, 2])
      assert.equal((await store.inspect(request.id))?.state, 'started')
    },
  },
  {
    title: 'IDEM-42 takes an absent record for new only while none of its key can be forgotten',
    async check(store) {
      const seen = claimRequest()
      await acquire(store, seen)
      const nowMs = (await store.inspect(seen.id))?.createdAt.getTime()
      assert.ok(nowMs !== undefined)
      const young = claimRequest({ minted: { atMs: nowMs, knownForMs: 60_000 } })
      mustBe(await store.claim(young), 'acquired')
      const old = claimRequest({ minted: { atMs: nowMs - 60_000, knownForMs: 60_000 } })
      mustBe(await store.claim(old), 'expired')
      assert.equal(await store.inspect(old.id), undefined)
      // What is still known is answered, however old its key is.
      mustBe(await store.claim(rival(seen, { minted: old.minted })), 'in_progress')
    },
  },
  {
    title: 'never gives a finished record away, however it would treat an unknown outcome',
    async check(store) {
      const request = claimRequest()
      await store.complete(await acquire(store, request), completion('done'))
      const verdict = await store.claim(rival(request, { onIndeterminate: 'execute' }))
      mustBe(verdict, 'completed')
      assert.equal(verdict.omitted, false)
    },
  },
]
