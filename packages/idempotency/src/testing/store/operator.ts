import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import type { ClaimHandle, IdempotencyStore, RecordSummary, Resolution } from '../../store.ts'
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

async function indeterminate(store: IdempotencyStore): Promise<ClaimHandle> {
  const handle = await acquire(store, claimRequest())
  await store.mark(handle, 'indeterminate', lease)
  return handle
}

async function listAll(store: IdempotencyStore): Promise<readonly RecordSummary[]> {
  const records: RecordSummary[] = []
  let cursor: string | undefined
  do {
    const page = await store.listIndeterminate({ cursor, scanCount: 1_000 })
    records.push(...page.records)
    cursor = page.cursor
  } while (cursor !== undefined)
  return records
}

const resolution = (id: string, text: string, fields: Partial<Resolution> = {}): Resolution => ({
  ...completion(text),
  id,
  token: randomBytes(16),
  ...fields,
})

export const listClauses: readonly StoreClause[] = [
  {
    title: 'shows what is indeterminate, and nothing else',
    async check(store) {
      const failed = await indeterminate(store)
      const cut = await lapsed(store, { state: 'committed' })
      const unbegun = await lapsed(store, { state: 'started' })
      const running = await acquire(store, claimRequest())
      const done = await acquire(store, claimRequest())
      await store.complete(done, completion('done'))
      const ours = new Set([failed, cut.handle, unbegun.handle, running, done].map(({ id }) => id))
      const listed = (await listAll(store)).filter(({ id }) => ours.has(id))
      assert.deepEqual(new Set(listed.map(({ id }) => id)), new Set([failed.id, cut.handle.id]))
      const summary = listed.find(({ id }) => id === cut.handle.id)
      assert.equal(summary?.standing, 'indeterminate')
      assert.deepEqual([summary.state, summary.attempt], ['committed', 1])
      assert.equal(summary.fence, cut.handle.fence)
      assert.ok(summary.leaseRemainingMs <= 0 && summary.expiresInMs > 50_000)
    },
  },
  {
    title: 'refuses a cursor that is none of its own',
    async check(store) {
      const page = store.listIndeterminate({ cursor: 'somewhere', scanCount: 10 })
      await assert.rejects(page, { code: 'IDEMPOTENCY_CURSOR_INVALID' })
    },
  },
]

export const resolveClauses: readonly StoreClause[] = [
  {
    title: 'finishes an indeterminate record, for every later claim',
    async check(store) {
      const request = claimRequest()
      await store.mark(await acquire(store, request), 'indeterminate', lease)
      assert.deepEqual(await store.resolve(resolution(request.id, 'paid')), { outcome: 'done' })
      const verdict = await store.claim(rival(request, { onIndeterminate: 'execute' }))
      mustBe(verdict, 'completed')
      assert.deepEqual([textOf(verdict.payload), verdict.omitted], ['paid', false])
      const other = rival(request, { fingerprint: Buffer.alloc(32, 8) })
      mustBe(await store.claim(other), 'mismatch')
    },
  },
  {
    title: 'finishes a record without its result, and starts the retention',
    async check(store) {
      const { request } = await lapsed(store, { state: 'committed' })
      const fields = { omitted: true, retentionMs: 40_000 }
      await store.resolve(resolution(request.id, '', fields))
      const view = await store.inspect(request.id)
      assert.ok(view?.standing === 'tombstone' && view.expiresInMs <= 40_000)
    },
  },
  {
    title: 'IDEM-08 makes the late result of the owner stale, inside the store and by its fence',
    async check(store) {
      const handle = await indeterminate(store)
      await store.resolve(resolution(handle.id, 'paid'))
      assert.equal(await store.complete(handle, completion('late')), 'stale')
      assert.equal(await store.mark(handle, 'indeterminate', lease), 'stale')
      const view = await store.inspect(handle.id)
      assert.equal(textOf(view?.payload), 'paid')
      assert.ok(view !== undefined && view.fence > handle.fence)
    },
  },
  {
    title: 'IDEM-12 answers done to the same token again, and refuses another one',
    async check(store) {
      const handle = await indeterminate(store)
      const first = resolution(handle.id, 'paid')
      assert.deepEqual(await store.resolve(first), { outcome: 'done' })
      assert.deepEqual(await store.resolve(first), { outcome: 'done' })
      const second = await store.resolve(resolution(handle.id, 'not paid'))
      assert.ok(second.outcome === 'refused' && second.standing === 'completed')
      assert.equal(textOf((await store.inspect(handle.id))?.payload), 'paid')
    },
  },
  {
    title: 'refuses what is not indeterminate, or has another fence, and says what it is',
    async check(store) {
      const running = await acquire(store, claimRequest())
      const { fence } = running
      const refusal = { outcome: 'refused', standing: 'running', fence }
      assert.deepEqual(await store.resolve(resolution(running.id, 'x')), refusal)
      const { handle } = await lapsed(store, { state: 'started' })
      const early = await store.resolve(resolution(handle.id, 'x'))
      assert.ok(early.outcome === 'refused' && early.standing === 'lapsed')
      const unknown = await indeterminate(store)
      const moved = await store.resolve(resolution(unknown.id, 'x', { ifFence: unknown.fence - 1 }))
      assert.deepEqual(moved, {
        outcome: 'refused',
        standing: 'indeterminate',
        fence: unknown.fence,
      })
      const same = resolution(unknown.id, 'x', { ifFence: unknown.fence })
      assert.deepEqual(await store.resolve(same), { outcome: 'done' })
      assert.deepEqual(await store.resolve(resolution('unseen', 'x')), { outcome: 'absent' })
    },
  },
]

export const forgetClauses: readonly StoreClause[] = [
  {
    title: 'makes the key new again, if it still stands as it was seen',
    async check(store) {
      const handle = await indeterminate(store)
      const wrong = await store.forget({ id: handle.id, ifStanding: 'completed' })
      const { fence } = handle
      assert.deepEqual(wrong, { outcome: 'refused', standing: 'indeterminate', fence })
      const forget = { id: handle.id, ifStanding: 'indeterminate', ifFence: fence } as const
      assert.deepEqual(await store.forget(forget), { outcome: 'done' })
      assert.deepEqual(await store.forget(forget), { outcome: 'absent' })
      mustBe(await store.claim(claimRequest({ id: handle.id })), 'acquired')
    },
  },
  {
    title: 'never forgets a claim that is running, nor one with another fence',
    async check(store) {
      const request = claimRequest()
      await store.mark(await acquire(store, request), 'indeterminate', lease)
      const next = await acquire(store, rival(request, { onIndeterminate: 'execute' }))
      const forget = { id: request.id, ifStanding: 'indeterminate' } as const
      const refused = await store.forget(forget)
      assert.deepEqual(refused, { outcome: 'refused', standing: 'running', fence: next.fence })
      await store.complete(next, completion('done'))
      const older = { id: request.id, ifStanding: 'completed', ifFence: next.fence - 1 } as const
      assert.equal((await store.forget(older)).outcome, 'refused')
      assert.equal((await store.inspect(request.id))?.standing, 'completed')
    },
  },
]
