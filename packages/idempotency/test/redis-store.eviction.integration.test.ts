// IDEM-15: a Redis that may evict claims is not trusted with any. Real servers, each with the policy
// under test.
import { startRedis, uniqueName, waitFor } from '@payflow/testkit'
import type { Server } from '@payflow/testkit'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { redisStore } from '../src/redis/index.ts'
import { connect } from './support/redis.ts'
import { countingClient } from './support/counting-client.ts'
import { serveProtected } from './support/protected-app.ts'
import { acquire, claimRequest } from '../src/testing/index.ts'

const unsafe = { code: 'IDEMPOTENCY_STORE_UNSAFE', retryable: false }
const refused = expect.stringMatching(/maxmemory-policy of Redis is volatile-lru/)

describe('checkEviction', () => {
  let server: Server
  beforeAll(async () => {
    server = await startRedis({ settings: { 'maxmemory-policy': 'volatile-lru' } })
  })
  afterAll(() => server.stop())

  const setPolicy = (policy: string) =>
    connect(server.url).config('SET', 'maxmemory-policy', policy)
  const storeOn = (options = {}) => {
    const client = connect(server.url)
    const prefix = `${uniqueName('idem')}:`
    return { client, prefix, store: redisStore({ client, prefix, deadlineMs: 5_000, ...options }) }
  }

  it('IDEM-15 refuses claims on a server that may evict them, and leaves none behind', async () => {
    await setPolicy('volatile-lru')
    const { client, prefix, store } = storeOn()
    await expect(store.ready()).rejects.toMatchObject({ ...unsafe, message: refused })
    await expect(store.claim(claimRequest())).rejects.toMatchObject(unsafe)
    const other = storeOn()
    const first = claimRequest()
    await expect(other.store.claim(first)).rejects.toMatchObject(unsafe)
    await waitFor(async () => (await client.exists(other.prefix + first.id)) === 0)
    expect(await client.keys(`${prefix}*`)).toEqual([])
  })

  it.each(['allkeys-lru', 'volatile-ttl', 'volatile-random'])(
    'IDEM-15 refuses %s as well',
    async (policy) => {
      await setPolicy(policy)
      await expect(storeOn().store.ready()).rejects.toMatchObject(unsafe)
    },
  )

  it('IDEM-15 answers 503 and executes nothing', async () => {
    await setPolicy('volatile-lru')
    let calls = 0
    const { store } = storeOn()
    await using app = await serveProtected(
      (_req, res) => {
        calls += 1
        res.end()
      },
      { store },
    )
    const response = await app.send({ key: 'k1' })
    expect([response.status, response.json().code]).toEqual([503, 'idempotency_store_unavailable'])
    expect(calls).toBe(0)
    const failed = app.events.find((event) => event.type === 'store_failed')
    expect(failed).toMatchObject({ cause: unsafe })
  })

  it('IDEM-15 trusts the server once its policy has been corrected', async () => {
    await setPolicy('volatile-lru')
    const { store } = storeOn()
    await expect(store.ready()).rejects.toMatchObject(unsafe)
    await setPolicy('noeviction')
    await store.ready()
    await acquire(store, claimRequest())
  })

  it('warns once and goes on where it is told to warn', async () => {
    await setPolicy('volatile-lru')
    const warned = vi.spyOn(process, 'emitWarning').mockReturnValue()
    try {
      const { store } = storeOn({ checkEviction: 'warn' })
      await acquire(store, claimRequest())
      await store.ready()
      expect(warned.mock.calls).toEqual([[refused, { code: 'IDEMPOTENCY_STORE_UNSAFE' }]])
    } finally {
      warned.mockRestore()
    }
  })

  it('asks nothing where it is switched off', async () => {
    await setPolicy('volatile-lru')
    const client = countingClient(connect(server.url))
    const { store } = storeOn({ client, checkEviction: 'off' })
    await acquire(store, claimRequest())
    expect(client.commands).not.toContain('INFO')
  })

  it('refuses a server that does not tell its policy', async () => {
    const admin = connect(server.url)
    await admin.call('ACL', 'SETUSER', 'mute', 'on', '>pw', '~*', '+@all', '-info')
    const client = connect(server.url, {
      username: 'mute',
      password: 'pw',
      enableReadyCheck: false,
    })
    const store = redisStore({ client, deadlineMs: 5_000 })
    await expect(store.ready()).rejects.toMatchObject({
      ...unsafe,
      message: expect.stringMatching(/cannot be read/),
    })
  })

  it('asks beside the first claim, not before it, and not again with the next', async () => {
    await setPolicy('noeviction')
    const client = countingClient(connect(server.url))
    const { store } = storeOn({ client })
    const first = store.claim(claimRequest())
    expect(client.commands).toEqual(['INFO', 'EVALSHA'])
    await first
    await store.claim(claimRequest())
    expect(client.commands.filter((command) => command === 'INFO')).toHaveLength(1)
  })

  it('works through a client with automatic pipelining', async () => {
    await setPolicy('noeviction')
    const client = connect(server.url, { enableAutoPipelining: true })
    await expect(redisStore({ client, deadlineMs: 5_000 }).ready()).resolves.toBeUndefined()
  })
})

describe('a server that evicts', () => {
  it('IDEM-15 loses live claims under volatile-ttl, and a finished execution is recorded all the same', async () => {
    await using server = await startRedis({
      settings: { 'maxmemory-policy': 'volatile-ttl', maxmemory: '6mb', appendonly: 'no' },
    })
    const client = connect(server.url)
    const prefix = `${uniqueName('idem')}:`
    const store = redisStore({ client, prefix, deadlineMs: 5_000, checkEviction: 'off' })
    const handle = await acquire(store, claimRequest({ leaseMs: 15_000 }))
    // Data of somebody else that never expire: the claims are all that may go.
    let filled = 0
    await waitFor(async () => {
      for (let at = 0; at < 20; at += 1) {
        await client.set(`other:${(filled += 1)}`, Buffer.alloc(20_000)).catch(() => undefined)
      }
      return (await client.exists(prefix + handle.id)) === 0
    })
    await client.config('SET', 'maxmemory', '0')
    const done = { payload: Buffer.from('done'), omitted: false, retentionMs: 60_000 }
    expect(await store.complete(handle, done)).toBe('ok')
    expect((await store.inspect(handle.id))?.state).toBe('completed')
  })
})
