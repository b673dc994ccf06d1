// The Redis store on a real Cluster of three masters, each with a replica: the whole contract, then
// slots that move and a master that dies while claims are made.
import { randomBytes } from 'node:crypto'
import { startRedisCluster, uniqueName, waitFor } from '@payflow/testkit'
import type { RedisCluster, Server } from '@payflow/testkit'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { redisStore } from '../src/redis/index.ts'
import type { RedisStoreOptions } from '../src/redis/index.ts'
import { acquire, claimRequest, describeStore } from '../src/testing/index.ts'
import { countingHandler, serveProtected } from './support/protected-app.ts'
import { connect, connectCluster } from './support/redis.ts'

const done = { payload: Buffer.from('done'), omitted: false, retentionMs: 60_000 }
const replay = { verdict: 'completed', payload: Buffer.from('done'), omitted: false }
const lease = { leaseMs: 60_000, graceMs: 60_000 }
const breaker = { failuresMax: 5, openMs: 50 }

let cluster: RedisCluster
beforeAll(async () => {
  cluster = await startRedisCluster({ masters: 3, replicasPerMaster: 1 })
})
afterAll(() => cluster.stop())

const storeOn = (options: Partial<RedisStoreOptions> = {}) => {
  const client = connectCluster(cluster)
  const prefix = `${uniqueName('idem')}:`
  const store = redisStore({ client, prefix, deadlineMs: 5_000, breaker, ...options })
  return { client, prefix, store }
}

describeStore('redisStore on a Cluster', () => storeOn().store, { describe, it })

describe('a slot that moves', () => {
  /** A master other than that of the key. */
  const anotherThan = async (key: string): Promise<Server> => {
    const from = await cluster.masterOf(key)
    const others = await Promise.all(['a', 'b', 'c', 'd'].map((other) => cluster.masterOf(other)))
    const to = others.find((node) => node !== from)
    if (to === undefined) throw new Error('all of these keys are on one master')
    return to
  }

  it('IDEM-40 follows a redirection to the master that has its record now', async () => {
    const { prefix, store } = storeOn()
    const request = claimRequest()
    const handle = await acquire(store, request)
    const key = prefix + request.id
    const to = await anotherThan(key)
    await (await cluster.migrateSlotOf(key, to)).finish()

    // The client still asks the old master, which answers MOVED.
    expect(await store.claim(request)).toMatchObject({ verdict: 'acquired', fence: handle.fence })
    const rival = { ...request, token: randomBytes(16) }
    expect(await store.claim(rival)).toMatchObject({ verdict: 'in_progress' })
    expect(await store.renew(handle, lease)).toBe('ok')
    expect(await store.complete(handle, done)).toBe('ok')
    expect(await store.claim(rival)).toEqual(replay)
    expect(await cluster.masterOf(key)).toBe(to)
  })

  it('IDEM-40 gives a key to one of many while its slot is half moved', async () => {
    const { prefix, store } = storeOn()
    const other = storeOn({ prefix }).store
    const first = claimRequest()
    const key = prefix + first.id
    const migration = await cluster.migrateSlotOf(key, await anotherThan(key))
    // Nothing is stored yet: the old master answers ASK, and the new one keeps the claim.
    const claims = Array.from({ length: 40 }, (_, at) =>
      (at % 2 === 0 ? store : other).claim({ ...first, token: randomBytes(16) }),
    )
    const verdicts = (await Promise.all(claims)).map(({ verdict }) => verdict)
    expect(verdicts.filter((verdict) => verdict === 'acquired')).toHaveLength(1)
    expect(verdicts.filter((verdict) => verdict === 'in_progress')).toHaveLength(39)
    await migration.finish()
    const late = await store.claim({ ...first, token: randomBytes(16) })
    expect(late.verdict).toBe('in_progress')
  })

  it('IDEM-40 records the result of a claim whose slot is moving', async () => {
    const { prefix, store } = storeOn()
    const request = claimRequest()
    const handle = await acquire(store, request)
    const key = prefix + request.id
    const migration = await cluster.migrateSlotOf(key, await anotherThan(key))
    expect(await store.mark(handle, 'committed', lease)).toBe('ok')
    await migration.finish()
    expect(await store.complete(handle, done)).toBe('ok')
    expect(await store.claim({ ...request, token: randomBytes(16) })).toEqual(replay)
  })
})

describe('a master that dies', () => {
  it('IDEM-16 IDEM-40 fails over to its replica, which has every record it had acknowledged', async () => {
    const { client, prefix, store } = storeOn({ deadlineMs: 1_000 })
    const running = await acquire(store, claimRequest())
    const key = prefix + running.id
    const finished = claimRequest({ id: `${running.id}{${key}}` })
    await store.complete(await acquire(store, finished), done)
    const [master, replica] = [await cluster.masterOf(key), await cluster.replicaOf(key)]
    // Replication is asynchronous; this test is about a failover that loses nothing.
    await waitFor(async () => {
      const offset = /master_repl_offset:(\d+)/.exec(await connect(master.url).info('replication'))
      const copied = /slave_repl_offset:(\d+)/.exec(await connect(replica.url).info('replication'))
      return offset?.[1] === copied?.[1]
    })
    await master.kill()
    // Until the replica is elected, the client is told to come back; nothing is executed.
    await expect(store.claim({ ...running, ...claimRequest(), id: running.id })).rejects.toThrow(
      expect.objectContaining({ code: 'IDEMPOTENCY_STORE_UNAVAILABLE' }),
    )
    const rival = await waitFor(
      () => store.claim({ ...claimRequest(), id: running.id }).catch(() => undefined),
      { timeoutMs: 60_000 },
    )
    expect(rival).toMatchObject({ verdict: 'in_progress' })
    expect(await store.complete(running, done)).toBe('ok')
    expect(await store.claim({ ...finished, token: randomBytes(16) })).toEqual(replay)
    expect(await cluster.masterOf(key)).toBe(replica)
    expect(client.status).toBe('ready')
    await master.start()
  })

  it('IDEM-16 executes a request once however often it is sent during a failover', async () => {
    const handler = countingHandler()
    const { prefix, store } = storeOn({ deadlineMs: 500 })
    await using app = await serveProtected(handler, { store })
    await app.send({ key: 'k1' })
    const [record] = (await Promise.all(cluster.nodes.map((node) => keysOf(node, prefix)))).flat()
    const master = await cluster.masterOf(record!)
    // A node that was started again joins as a replica only after a while.
    const replica = await waitFor(() => cluster.replicaOf(record!).catch(() => undefined))
    await waitFor(async () => (await keysOf(replica, prefix)).length > 0)
    await master.kill()
    const again = await waitFor(
      async () => {
        const response = await app.send({ key: 'k1' })
        return response.status === 201 ? response : undefined
      },
      { timeoutMs: 60_000 },
    )
    expect(again.headers['idempotent-replayed']).toBe('true')
    expect(handler.calls).toBe(1)
    await master.start()
  })
})

async function keysOf(node: Server, prefix: string): Promise<string[]> {
  return node.pid === 0 ? [] : connect(node.url).keys(`${prefix}*`)
}
