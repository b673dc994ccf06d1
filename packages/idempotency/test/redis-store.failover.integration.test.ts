// The Redis store when the server behind its connection is another one than before: demoted,
// restarted without its data, or with scripts forgotten. Real servers.
import { randomBytes } from 'node:crypto'
import { startRedis, uniqueName, waitFor } from '@payflow/testkit'
import { describe, expect, it } from 'vitest'
import { redisStore } from '../src/redis/index.ts'
import { acquire, claimRequest } from '../src/testing/index.ts'
import { connect, isolatedStore } from './support/redis.ts'

const unavailable = { code: 'IDEMPOTENCY_STORE_UNAVAILABLE', retryable: true }
const done = { payload: Buffer.from('done'), omitted: false, retentionMs: 60_000 }

describe('a primary that became a replica', () => {
  it('IDEM-40 is left for the new primary, whose records go on where they stood', async () => {
    const settings = { 'repl-diskless-sync-delay': '0' }
    await using first = await startRedis({ name: 'first', settings })
    await using second = await startRedis({
      name: 'second',
      settings: { ...settings, replicaof: `127.0.0.1 ${first.port}` },
    })
    const client = connect(first.url, { retryStrategy: () => 20 })
    const prefix = uniqueName('idem')
    const store = redisStore({ client, prefix, deadlineMs: 2_000 })
    const running = await acquire(store, claimRequest())
    const copy = connect(second.url)
    await waitFor(async () => (await copy.exists(prefix + running.id)) === 1)

    await copy.replicaof('NO', 'ONE')
    await connect(first.url).replicaof('127.0.0.1', second.port)
    // As a name does that leads to the new primary: for new connections only.
    client.options.port = second.port

    // The old connection still stands, to a server that only reads. Nothing is executed there.
    await expect(store.claim(claimRequest())).rejects.toMatchObject({
      ...unavailable,
      cause: expect.objectContaining({ message: expect.stringMatching(/READONLY/) }),
    })
    const rival = { ...claimRequest(), id: running.id }
    await waitFor(async () => {
      const result = await store.claim(rival).catch(() => undefined)
      return result?.verdict === 'in_progress'
    })
    expect(await store.complete(running, done)).toBe('ok')
    expect((await store.claim(rival)).verdict).toBe('completed')
  })
})

describe('a server that restarts', () => {
  it('IDEM-16 goes on with every record it had acknowledged, with an append-only file', async () => {
    await using server = await startRedis()
    const client = connect(server.url, { retryStrategy: () => 20, maxRetriesPerRequest: 20 })
    const prefix = uniqueName('idem')
    const store = redisStore({ client, prefix, deadlineMs: 5_000 })
    const [running, finished] = [claimRequest(), claimRequest()]
    const handle = await acquire(store, running)
    await store.complete(await acquire(store, finished), done)
    await server.kill()
    await server.start()
    const rival = { ...running, token: randomBytes(16) }
    expect((await store.claim(rival)).verdict).toBe('in_progress')
    expect(await store.complete(handle, done)).toBe('ok')
    expect((await store.claim({ ...finished, token: randomBytes(16) })).verdict).toBe('completed')
  })

  it('IDEM-16 forgets what it had without one, and the fence still grows', async () => {
    await using server = await startRedis({ settings: { appendonly: 'no' } })
    const client = connect(server.url, { retryStrategy: () => 20, maxRetriesPerRequest: 20 })
    const store = redisStore({ client, prefix: uniqueName('idem'), deadlineMs: 5_000 })
    const request = claimRequest()
    const lost = await acquire(store, request)
    await server.kill()
    await server.start()
    // Nothing here can know of the first owner. What compares fences, can.
    const second = await acquire(store, { ...request, token: randomBytes(16) })
    expect(second).toMatchObject({ attempt: 1 })
    expect(second.fence).toBeGreaterThan(lost.fence)
    expect(await store.complete(lost, done)).toBe('stale')
  })
})

it('IDEM-11 does not send the script of a claim that was given up meanwhile', async () => {
  await using server = await startRedis()
  const client = connect(server.url)
  const prefix = uniqueName('idem')
  const store = redisStore({ client, prefix, deadlineMs: 150, checkEviction: 'off' })
  const ran: string[] = []
  const monitor = await connect(server.url).monitor()
  const request = claimRequest()
  monitor.on('monitor', (_time: string, args: string[], source: string) => {
    if (source !== 'lua' && args.includes(prefix + request.id))
      ran.push(args[0]?.toLowerCase() ?? '')
  })
  await client.ping()
  server.freeze()
  try {
    await expect(store.claim(request)).rejects.toMatchObject(unavailable)
  } finally {
    server.resume()
  }
  // The server knows no script yet: the late claim is refused by its hash, and so is its withdrawal,
  // which alone is sent in full.
  await waitFor(() => ran.includes('eval'))
  await client.ping()
  monitor.disconnect()
  expect(ran).toEqual(['evalsha', 'evalsha', 'eval'])
  expect(await client.exists(prefix + request.id)).toBe(0)
})

it('IDEM-18 takes no claim for orphaned because its key has no remaining life', async () => {
  const client = connect()
  const store = isolatedStore({ client })
  const request = claimRequest({ leaseMs: 60_000, state: 'started' })
  const handle = await acquire(store, request)
  const key = store.prefix + request.id
  await client.persist(key)
  expect(await client.pttl(key)).toBe(-1)
  const rival = { ...request, token: randomBytes(16), onIndeterminate: 'execute' as const }
  expect(await store.claim(rival)).toMatchObject({ verdict: 'in_progress' })
  expect(await store.renew(handle, request)).toBe('ok')
  expect(await client.pttl(key)).toBeGreaterThan(0)
})
