// What every store must do, whatever it is made of. A store's own test file calls this with a
// maker.
import { randomBytes, randomUUID } from 'node:crypto'
import { waitFor } from '@payflow/testkit'
import { describe, expect, it } from 'vitest'
import type { ClaimHandle, ClaimRequest, ClaimResult, IdempotencyStore } from '../../src/index.ts'

/** A claim with every field set; a new id and token unless given. */
export function claimRequest(fields: Partial<ClaimRequest> = {}): ClaimRequest {
  return {
    id: randomUUID(),
    token: randomBytes(16),
    fingerprint: Buffer.alloc(32, 7),
    leaseMs: 60_000,
    graceMs: 60_000,
    state: 'committed',
    onIndeterminate: 'reject',
    ...fields,
  }
}

export async function acquire(
  store: IdempotencyStore,
  request: ClaimRequest,
): Promise<ClaimHandle> {
  const result = await store.claim(request)
  if (result.verdict !== 'acquired') throw new Error(`expected a claim, got ${result.verdict}`)
  return { ...request, fence: result.fence, attempt: result.attempt }
}

const lease = { leaseMs: 60_000, graceMs: 60_000 }
const result = (text: string, omitted = false) => ({
  payload: Buffer.from(text),
  omitted,
  retentionMs: 60_000,
})

/** A claim by another request for the same record. */
const rival = (request: ClaimRequest, fields: Partial<ClaimRequest> = {}): ClaimRequest => ({
  ...request,
  token: randomBytes(16),
  ...fields,
})

/** Claims with a short lease and waits until the store's own clock says that it lapsed. */
async function lapsed(
  store: IdempotencyStore,
  fields: Partial<ClaimRequest>,
): Promise<{ request: ClaimRequest; handle: ClaimHandle }> {
  const request = claimRequest({ leaseMs: 30, ...fields })
  const handle = await acquire(store, request)
  await waitFor(async () => {
    const view = await store.inspect(request.id)
    return view !== undefined && view.leaseRemainingMs <= 0
  })
  return { request, handle }
}

export function describeStore(name: string, makeStore: () => IdempotencyStore): void {
  describe(`${name}: claim`, () => {
    it('IDEM-01 gives one record to exactly one of many', async () => {
      const store = makeStore()
      const first = claimRequest()
      const claims = Array.from({ length: 50 }, () => store.claim(rival(first)))
      const verdicts = (await Promise.all(claims)).map((claim) => claim.verdict)
      expect(verdicts.filter((verdict) => verdict === 'acquired')).toHaveLength(1)
      expect(verdicts.filter((verdict) => verdict === 'in_progress')).toHaveLength(49)
    })

    it('tells how long the running claim may still hold', async () => {
      const store = makeStore()
      const request = claimRequest({ leaseMs: 40_000 })
      await acquire(store, request)
      const verdict = await store.claim(rival(request))
      if (verdict.verdict !== 'in_progress') throw new Error(verdict.verdict)
      expect(verdict.remainingMs).toBeGreaterThan(30_000)
      expect(verdict.remainingMs).toBeLessThanOrEqual(40_000)
    })

    it('IDEM-10 knows its own token again when a client library sends the claim twice', async () => {
      const store = makeStore()
      const request = claimRequest()
      const first = await store.claim(request)
      expect(first.verdict).toBe('acquired')
      expect(await store.claim(request)).toEqual(first)
    })

    it('IDEM-02 says mismatch for another fingerprint, running, lapsed and done', async () => {
      const store = makeStore()
      const other = { fingerprint: Buffer.alloc(32, 8) }
      const request = claimRequest()
      const handle = await acquire(store, request)
      expect(await store.claim(rival(request, other))).toEqual({ verdict: 'mismatch' })
      await store.complete(handle, result('done'))
      expect(await store.claim(rival(request, other))).toEqual({ verdict: 'mismatch' })
      const crashed = await lapsed(store, { state: 'started' })
      expect(await store.claim(rival(crashed.request, other))).toEqual({ verdict: 'mismatch' })
    })

    it('IDEM-05 gives a lapsed claim that had not begun its effect to the next owner', async () => {
      const store = makeStore()
      const { request, handle } = await lapsed(store, { state: 'started' })
      const next = await acquire(store, rival(request))
      expect(next.attempt).toBe(2)
      expect(next.fence).toBeGreaterThan(handle.fence)
    })

    it('IDEM-06 keeps a lapsed claim past its commit point as indeterminate', async () => {
      const store = makeStore()
      const { request } = await lapsed(store, { state: 'committed' })
      const expected: ClaimResult = { verdict: 'indeterminate', reason: 'lapsed' }
      expect(await store.claim(rival(request))).toEqual(expected)
      expect(await store.claim(rival(request))).toEqual(expected)
    })

    it('gives a lapsed claim to a request that executes what is indeterminate', async () => {
      const store = makeStore()
      const { request } = await lapsed(store, { state: 'committed' })
      const next = await acquire(store, rival(request, { onIndeterminate: 'execute' }))
      expect(next.attempt).toBe(2)
    })

    it('never gives a finished record away, however it would treat an unknown outcome', async () => {
      const store = makeStore()
      const request = claimRequest()
      await store.complete(await acquire(store, request), result('done'))
      const verdict = await store.claim(rival(request, { onIndeterminate: 'execute' }))
      expect(verdict).toMatchObject({ verdict: 'completed', omitted: false })
    })
  })

  describe(`${name}: renew`, () => {
    it('prolongs the lease', async () => {
      const store = makeStore()
      const request = claimRequest({ leaseMs: 5_000 })
      const handle = await acquire(store, request)
      expect(await store.renew(handle, { leaseMs: 50_000, graceMs: 1_000 })).toBe('ok')
      const view = await store.inspect(request.id)
      expect(view?.leaseRemainingMs).toBeGreaterThan(40_000)
      expect(view?.expiresInMs).toBeGreaterThan(45_000)
      expect(view?.expiresInMs).toBeLessThanOrEqual(51_000)
    })

    it('prolongs a lapsed lease that nobody took over', async () => {
      const store = makeStore()
      const { request, handle } = await lapsed(store, { state: 'committed' })
      expect(await store.renew(handle, lease)).toBe('ok')
      expect((await store.claim(rival(request))).verdict).toBe('in_progress')
    })

    it('is stale for a claim that was taken over, and leaves the new one alone', async () => {
      const store = makeStore()
      const { request, handle } = await lapsed(store, { state: 'started' })
      await acquire(store, rival(request, { leaseMs: 20_000 }))
      expect(await store.renew(handle, { leaseMs: 90_000, graceMs: 0 })).toBe('stale')
      expect((await store.inspect(request.id))?.leaseRemainingMs).toBeLessThanOrEqual(20_000)
    })

    it('is stale once the claim has ended', async () => {
      const store = makeStore()
      const handle = await acquire(store, claimRequest())
      await store.complete(handle, result('done'))
      expect(await store.renew(handle, lease)).toBe('stale')
      expect(await store.renew(await acquire(store, claimRequest()), lease)).toBe('ok')
    })
  })

  describe(`${name}: mark`, () => {
    it('moves a claim past its commit point, also when asked twice', async () => {
      const store = makeStore()
      const request = claimRequest({ state: 'started' })
      const handle = await acquire(store, request)
      expect(await store.mark(handle, 'committed', lease)).toBe('ok')
      expect(await store.mark(handle, 'committed', lease)).toBe('ok')
      expect((await store.inspect(request.id))?.state).toBe('committed')
    })

    it('declares an outcome unknown at once, without waiting for the lease', async () => {
      const store = makeStore()
      const request = claimRequest()
      const handle = await acquire(store, request)
      expect(await store.mark(handle, 'indeterminate', lease)).toBe('ok')
      const verdict = await store.claim(rival(request))
      expect(verdict).toEqual({ verdict: 'indeterminate', reason: 'failed' })
      expect(await store.mark(handle, 'committed', lease)).toBe('stale')
    })

    it('is stale for a claim that was taken over', async () => {
      const store = makeStore()
      const { request, handle } = await lapsed(store, { state: 'started' })
      await acquire(store, rival(request, { state: 'started' }))
      expect(await store.mark(handle, 'committed', lease)).toBe('stale')
      expect(await store.mark(handle, 'indeterminate', lease)).toBe('stale')
      expect((await store.inspect(request.id))?.state).toBe('started')
    })
  })

  describe(`${name}: complete`, () => {
    it('IDEM-20 gives every later claim the stored bytes', async () => {
      const store = makeStore()
      const request = claimRequest()
      const payload = Buffer.from(Array.from({ length: 512 }, (_, at) => at % 256))
      const handle = await acquire(store, request)
      expect(await store.complete(handle, { ...result(''), payload })).toBe('ok')
      const verdict = await store.claim(rival(request))
      if (verdict.verdict !== 'completed') throw new Error(verdict.verdict)
      expect(Buffer.from(verdict.payload).equals(payload)).toBe(true)
    })

    it('IDEM-12 answers ok to the same token again, and keeps the first result', async () => {
      const store = makeStore()
      const request = claimRequest()
      const handle = await acquire(store, request)
      expect(await store.complete(handle, result('first'))).toBe('ok')
      expect(await store.complete(handle, result('second'))).toBe('ok')
      expect(Buffer.from((await store.inspect(request.id))!.payload).toString()).toBe('first')
    })

    it('IDEM-08 refuses the late result of an owner that was replaced', async () => {
      const store = makeStore()
      const { request, handle } = await lapsed(store, { state: 'started' })
      const next = await acquire(store, rival(request))
      await store.complete(next, result('newer'))
      expect(await store.complete(handle, result('older'))).toBe('stale')
      expect(Buffer.from((await store.inspect(request.id))!.payload).toString()).toBe('newer')
    })

    it('accepts the owner of a lapsed or indeterminate claim that nobody took over', async () => {
      const store = makeStore()
      const crashed = await lapsed(store, { state: 'committed' })
      expect(await store.complete(crashed.handle, result('late'))).toBe('ok')
      const failed = await acquire(store, claimRequest())
      await store.mark(failed, 'indeterminate', lease)
      expect(await store.complete(failed, result('late'))).toBe('ok')
    })

    it('IDEM-39 writes a record anew that the store has lost', async () => {
      const store = makeStore()
      const handle = { ...claimRequest(), fence: 41, attempt: 3 }
      expect(await store.complete(handle, result('done'))).toBe('ok')
      const view = await store.inspect(handle.id)
      expect(view).toMatchObject({ state: 'completed', attempt: 3, fence: 41 })
      expect((await store.claim(rival(handle))).verdict).toBe('completed')
    })

    it('IDEM-19 keeps a tombstone apart from a result', async () => {
      const store = makeStore()
      const request = claimRequest()
      await store.complete(await acquire(store, request), result('', true))
      expect(await store.claim(rival(request))).toMatchObject({ omitted: true })
      expect((await store.inspect(request.id))?.state).toBe('tombstone')
    })

    it('forgets the result when its retention ends, counted from completion', async () => {
      const store = makeStore()
      const request = claimRequest()
      const handle = await acquire(store, request)
      await store.complete(handle, { ...result('done'), retentionMs: 40 })
      await waitFor(async () => (await store.inspect(request.id)) === undefined)
      expect((await store.claim(rival(request))).verdict).toBe('acquired')
    })
  })

  describe(`${name}: release`, () => {
    it('makes the key new, also when asked twice', async () => {
      const store = makeStore()
      const request = claimRequest()
      const handle = await acquire(store, request)
      expect(await store.release(handle)).toBe('ok')
      expect(await store.release(handle)).toBe('ok')
      expect(await store.inspect(request.id)).toBeUndefined()
    })

    it('IDEM-09 never deletes the claim of the next owner', async () => {
      const store = makeStore()
      const { request, handle } = await lapsed(store, { state: 'started' })
      await acquire(store, rival(request))
      expect(await store.release(handle)).toBe('stale')
      expect((await store.inspect(request.id))?.attempt).toBe(2)
    })

    it('never deletes a finished record', async () => {
      const store = makeStore()
      const handle = await acquire(store, claimRequest())
      await store.complete(handle, result('done'))
      expect(await store.release(handle)).toBe('stale')
      expect((await store.inspect(handle.id))?.state).toBe('completed')
    })

    it('does not let the fence go back for the next first owner', async () => {
      const store = makeStore()
      const request = claimRequest()
      const handle = await acquire(store, request)
      await store.release(handle)
      const start = await waitFor(async () => {
        const next = await acquire(store, rival(request))
        await store.release(next)
        return next.fence > handle.fence ? next : undefined
      })
      expect(start.attempt).toBe(1)
    })
  })

  it(`${name}: inspect shows a record without changing it`, async () => {
    const store = makeStore()
    expect(await store.inspect('unseen')).toBeUndefined()
    const request = claimRequest({ leaseMs: 10_000, graceMs: 20_000 })
    await acquire(store, request)
    const view = (await store.inspect(request.id))!
    expect(view).toMatchObject({ state: 'committed', attempt: 1 })
    expect(Buffer.from(view.fingerprint).equals(Buffer.from(request.fingerprint))).toBe(true)
    expect(view.leaseRemainingMs).toBeLessThanOrEqual(10_000)
    expect(view.expiresInMs).toBeLessThanOrEqual(30_000)
    expect(view.expiresInMs).toBeGreaterThan(25_000)
  })
}
