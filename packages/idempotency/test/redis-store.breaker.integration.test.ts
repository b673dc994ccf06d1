// The circuit breaker: an outage of Redis costs a request nothing once it is known. Real servers.
import { startRedis, startRedisCluster, uniqueName, waitFor } from '@payflow/testkit'
import type { Server } from '@payflow/testkit'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { redisStore } from '../src/redis/index.ts'
import type { BreakerOptions } from '../src/redis/index.ts'
import { delayingProxy } from './support/delaying-proxy.ts'
import { connect, connectCluster } from './support/redis.ts'
import { acquire, claimRequest } from '../src/testing/index.ts'

const unavailable = { code: 'IDEMPOTENCY_STORE_UNAVAILABLE', retryable: true }
const open = { ...unavailable, message: expect.stringMatching(/failed \d+ times in a row/) }
const like = (error: object): unknown => expect.objectContaining(error)
const late = { ...unavailable, message: expect.stringMatching(/did not answer/) }
// Long enough for Redis to answer on a busy machine.
const deadlineMs = 2_000
const lease = { leaseMs: 60_000, graceMs: 60_000 }

let server: Server
beforeAll(async () => {
  server = await startRedis()
})
afterAll(() => server.stop())

const storeOn = (breaker: BreakerOptions | false) =>
  redisStore({
    client: connect(server.url),
    prefix: `${uniqueName('idem')}:`,
    deadlineMs,
    breaker,
  })

/** Makes so many claims at a time and returns what refuses them. */
async function refusals(count: number, store: ReturnType<typeof storeOn>): Promise<unknown[]> {
  const claims = Array.from({ length: count }, () => store.claim(claimRequest()))
  const settled = await Promise.allSettled(claims)
  return settled.map((each) => (each.status === 'rejected' ? each.reason : each.value))
}

/** Whether the event loop turns meanwhile: without that nothing is sent, answered or waited for. */
async function turnsDuring(work: () => Promise<unknown>): Promise<boolean> {
  let turned = false
  const immediate = setImmediate(() => (turned = true))
  await work()
  clearImmediate(immediate)
  return turned
}

/** Nothing else runs here for so long, as under work that blocks the event loop. */
function block(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
}

it('IDEM-13 refuses claims at once while Redis is known to be down', async () => {
  const store = storeOn({ failuresMax: 3, openMs: 60_000 })
  await acquire(store, claimRequest())
  server.freeze()
  try {
    expect(await refusals(3, store)).toEqual(Array(3).fill(like(late)))
    const seen: unknown[] = []
    const turned = await turnsDuring(async () => {
      for (let at = 0; at < 100; at += 1) seen.push(...(await refusals(1, store)))
    })
    expect(seen).toEqual(Array(100).fill(like(open)))
    expect(turned).toBe(false)
  } finally {
    server.resume()
  }
})

it('IDEM-13 pays the deadline every time where the breaker is switched off', async () => {
  const store = storeOn(false)
  await acquire(store, claimRequest())
  server.freeze()
  try {
    expect(await refusals(6, store)).toEqual(Array(6).fill(like(late)))
    const startedAt = performance.now()
    expect(await refusals(1, store)).toEqual([like(late)])
    expect(performance.now() - startedAt).toBeGreaterThan(0.9 * deadlineMs)
  } finally {
    server.resume()
  }
})

it('IDEM-13 lets one claim through when the pause is over, and closes when it is answered', async () => {
  const store = storeOn({ failuresMax: 2, openMs: 1_500 })
  await acquire(store, claimRequest())
  server.freeze()
  try {
    await refusals(2, store)
    // These follow a refusal in its turn of the event loop: the pause has just begun.
    expect(await refusals(1, store)).toEqual([like(open)])
    await waitFor(async () => {
      const [refusal] = await refusals(1, store)
      return /did not answer/.test(String(refusal))
    })
    expect(await refusals(1, store)).toEqual([like(open)])
  } finally {
    server.resume()
  }
  await waitFor(async () => (await store.claim(claimRequest())).verdict === 'acquired')
  await Promise.all(Array.from({ length: 20 }, () => acquire(store, claimRequest())))
})

it('IDEM-12 still tries to record what has happened, and closes when that is answered', async () => {
  const store = storeOn({ failuresMax: 2, openMs: 60_000 })
  const handle = await acquire(store, claimRequest())
  server.freeze()
  try {
    await refusals(2, store)
    await expect(store.claim(claimRequest())).rejects.toMatchObject(open)
  } finally {
    server.resume()
  }
  const done = { payload: Buffer.from('done'), omitted: false, retentionMs: 60_000 }
  expect(await store.complete(handle, done)).toBe('ok')
  await acquire(store, claimRequest())
})

it('IDEM-14 takes a refusal of the server for an answer', async () => {
  const client = connect(server.url)
  const store = storeOn({ failuresMax: 1, openMs: 60_000 })
  await acquire(store, claimRequest())
  try {
    await client.config('SET', 'maxmemory', '1')
    await expect(store.claim(claimRequest())).rejects.toMatchObject(unavailable)
  } finally {
    await client.config('SET', 'maxmemory', '0')
  }
  await acquire(store, claimRequest())
})

it('IDEM-47 reads the answer that came while the event loop was blocked', async () => {
  const store = storeOn({ failuresMax: 1, openMs: 60_000 })
  const handle = await acquire(store, claimRequest())
  await store.renew(handle, lease) // both scripts are known to the server after this
  const claim = store.claim(claimRequest())
  const renewal = store.renew(handle, lease)
  // The command is written in the next turn of the loop, which is then blocked beyond the deadline.
  await new Promise((resolve) => setImmediate(resolve))
  block(1.5 * deadlineMs)
  expect(await claim).toMatchObject({ verdict: 'acquired' })
  expect(await renewal).toBe('ok')
})

it('IDEM-47 counts the deadline from when a command leaves, not from when it was held back', async () => {
  // So far away that no answer is there in the turn in which the commands leave.
  await using proxy = await delayingProxy(server.url, 50)
  const client = connect(proxy.url)
  const store = redisStore({ client, prefix: `${uniqueName('idem')}:`, deadlineMs })
  const handle = await acquire(store, claimRequest())
  await store.renew(handle, lease) // both scripts are known to the server after this
  // The first leaves at once, for a proxy that is as blocked as this process. The others are
  // gathered until the end of this turn, which is far off.
  const lone = store.renew(handle, lease).catch(() => undefined)
  const claims = [claimRequest(), claimRequest(), claimRequest()].map((each) => store.claim(each))
  block(1.5 * deadlineMs)
  const verdicts = (await Promise.all(claims)).map(({ verdict }) => verdict)
  expect(verdicts).toEqual(['acquired', 'acquired', 'acquired'])
  await lone
})

it('IDEM-40 keeps serving the keys of the other masters when one of a cluster is frozen', async () => {
  await using cluster = await startRedisCluster({
    settings: { 'cluster-require-full-coverage': 'no' },
  })
  const client = connectCluster(cluster)
  const prefix = `${uniqueName('idem')}:`
  const breaker = { failuresMax: 2, openMs: 60_000 }
  const store = redisStore({ client, prefix, deadlineMs, breaker })
  const ids = Array.from({ length: 60 }, () => claimRequest())
  const masters = await Promise.all(ids.map(({ id }) => cluster.masterOf(prefix + id)))
  await store.ready()
  const [victim] = masters
  const lost = ids.filter((_, at) => masters[at] === victim)
  const served = ids.filter((_, at) => masters[at] !== victim)
  victim!.freeze()
  try {
    for (let round = 0; round < 3; round += 1) {
      await Promise.allSettled(lost.map((request) => store.claim(request)))
    }
    const verdicts = await Promise.all(served.map((request) => store.claim(request)))
    expect(verdicts.every(({ verdict }) => verdict === 'acquired')).toBe(true)
    let refused: PromiseSettledResult<unknown>[] = []
    const turned = await turnsDuring(async () => {
      refused = await Promise.allSettled(lost.map((request) => store.claim(request)))
    })
    expect(refused.map((each) => each.status === 'rejected' && each.reason)).toEqual(
      Array(lost.length).fill(like(open)),
    )
    expect(turned).toBe(false)
  } finally {
    victim!.resume()
  }
})
