// Claims that wait for a replica (WAIT), and what a failover forgets without it. A real primary with
// a real replica, which can be stopped in the middle.
import { randomBytes } from 'node:crypto'
import { startRedis, uniqueName, waitFor } from '@payflow/testkit'
import type { Server } from '@payflow/testkit'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { redisStore } from '../src/redis/index.ts'
import type { RedisStoreOptions } from '../src/redis/index.ts'
import { acquire, claimRequest } from '../src/testing/index.ts'
import { countingClient } from './support/counting-client.ts'
import { serveProtected } from './support/protected-app.ts'
import { connect } from './support/redis.ts'

const unavailable = { code: 'IDEMPOTENCY_STORE_UNAVAILABLE', retryable: true }
const lease = { leaseMs: 60_000, graceMs: 60_000 }

let primary: Server
let replica: Server
beforeEach(async () => {
  primary = await startRedis({
    name: 'primary',
    settings: { 'repl-diskless-sync-delay': '0' },
  })
  replica = await startRedis({
    name: 'replica',
    settings: { replicaof: `127.0.0.1 ${primary.port}` },
  })
  const link = connect(replica.url)
  await waitFor(async () => /master_link_status:up/.test(await link.info('replication')))
  // The link being up is not enough: after a diskless synchronization the primary sends nothing until
  // the replica's first acknowledgement, up to a second later. A write that arrived shows that.
  const writer = connect(primary.url)
  await waitFor(async () => {
    await writer.set('arrived', '1')
    return (await writer.wait(1, 1_000)) === 1
  })
})
afterEach(async () => {
  replica.resume()
  await Promise.all([primary.stop(), replica.stop()])
})

const prefix = uniqueName('idem')
const plainStore = (server: Server, options: Partial<RedisStoreOptions> = {}) =>
  redisStore({ client: connect(server.url), prefix, deadlineMs: 5_000, ...options })
const durableStore = (timeoutMs = 1_000, client = connect(primary.url)) =>
  plainStore(primary, { durability: { client, replicas: 1, timeoutMs } })

/** The primary is gone and the replica takes its place. */
async function failOver(): Promise<void> {
  await primary.kill()
  await connect(replica.url).replicaof('NO', 'ONE')
}

describe('durability', () => {
  it('IDEM-16 keeps a claim through a failover, because the replica had it before the effect', async () => {
    const request = claimRequest()
    await acquire(durableStore(), request)
    await failOver()
    const rival = { ...request, token: randomBytes(16) }
    expect(await plainStore(replica).claim(rival)).toMatchObject({ verdict: 'in_progress' })
  })

  it('IDEM-16 shows what is forgotten without it: a second owner', async () => {
    const request = claimRequest()
    await acquire(durableStore(), claimRequest())
    replica.freeze()
    await acquire(plainStore(primary), request)
    await primary.kill()
    // What a stopped replica has not read yet is lost with its connection.
    await replica.kill()
    await replica.start()
    await failOver()
    const rival = { ...request, token: randomBytes(16) }
    expect((await plainStore(replica).claim(rival)).verdict).toBe('acquired')
  })

  it('IDEM-16 refuses a claim that no replica acknowledged, and takes it back', async () => {
    const store = durableStore(800)
    await acquire(store, claimRequest())
    const request = claimRequest()
    replica.freeze()
    await expect(store.claim(request)).rejects.toMatchObject({
      ...unavailable,
      message: expect.stringMatching(/0 of 1 replicas had it after 800 ms/),
    })
    const client = connect(primary.url)
    await waitFor(async () => (await client.exists(prefix + request.id)) === 0)
  })

  it('IDEM-16 answers 503 and executes nothing while the replica is away', async () => {
    let calls = 0
    await using app = await serveProtected(
      (_req, res) => {
        calls += 1
        res.status(201).end()
      },
      { store: durableStore(800) },
    )
    replica.freeze()
    expect((await app.send({ key: 'k1' })).status).toBe(503)
    expect(calls).toBe(0)
    replica.resume()
    await waitFor(async () => (await app.send({ key: 'k1' })).status === 201)
    expect(calls).toBe(1)
  })

  it('IDEM-16 does not pass a commit point that no replica acknowledged', async () => {
    const store = durableStore(800)
    const handle = await acquire(store, claimRequest({ state: 'started' }))
    expect(await store.mark(handle, 'committed', lease)).toBe('ok')
    const other = await acquire(store, claimRequest({ state: 'started' }))
    replica.freeze()
    await expect(store.mark(other, 'committed', lease)).rejects.toMatchObject(unavailable)
    // Only what must not be forgotten waits.
    expect(await store.mark(handle, 'indeterminate', lease)).toBe('ok')
  })

  it('IDEM-16 does not take the answer of a WAIT that was sent again on a new connection', async () => {
    const waiting = connect(primary.url, { retryStrategy: () => 10, maxRetriesPerRequest: 5 })
    const store = durableStore(2_400, waiting)
    await acquire(store, claimRequest())
    const request = claimRequest()
    const admin = connect(primary.url)
    replica.freeze()
    const claim = store.claim(request)
    claim.catch(() => undefined)
    const isWaiting = () => admin.call('CLIENT', 'LIST') as Promise<string>
    const blocked = await waitFor(async () =>
      (await isWaiting()).split('\n').find((line) => /flags=b .*cmd=wait/.test(line)),
    )
    await admin.call('CLIENT', 'KILL', 'ID', /id=(\d+)/.exec(blocked)![1]!)
    await expect(claim).rejects.toMatchObject({
      ...unavailable,
      message: expect.stringMatching(/connection was lost/),
    })
    await waitFor(async () => (await admin.exists(prefix + request.id)) === 0)
  })

  it('lets many claims share one WAIT', async () => {
    const client = countingClient(connect(primary.url))
    const store = plainStore(primary, { durability: { client, replicas: 1, timeoutMs: 2_000 } })
    await acquire(store, claimRequest())
    client.commands.length = 0
    const claims = Array.from({ length: 200 }, () => acquire(store, claimRequest()))
    await Promise.all(claims)
    const count = (name: string) => client.commands.filter((command) => command === name).length
    expect(count('EVALSHA')).toBe(200)
    expect(count('WAIT')).toBeLessThanOrEqual(2)
  })

  it('refuses settings that could not hold', () => {
    const client = connect(primary.url)
    const other = connect(primary.url)
    const pipelining = connect(primary.url, { enableAutoPipelining: true })
    const nodes = Object.assign(connect(primary.url), { nodes: () => [] })
    const refusal = expect.objectContaining({ code: 'IDEMPOTENCY_OPTIONS_INVALID' })
    for (const durability of [
      { client, replicas: 1 },
      { client: pipelining, replicas: 1 },
      { client: nodes, replicas: 1 },
      { client: other, replicas: 0 },
      { client: other, replicas: 1, timeoutMs: 200 },
    ]) {
      expect(() => redisStore({ client, durability })).toThrow(refusal)
    }
  })
})
