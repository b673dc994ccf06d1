// The Redis store when Redis, the network or the client library behave badly. Real servers, some
// private.
import { randomBytes } from 'node:crypto'
import { startRedis, uniqueName, waitFor } from '@payflow/testkit'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { redisStore } from '../src/redis/index.ts'
import { connect, isolatedStore } from './support/redis.ts'
import { countingClient } from './support/counting-client.ts'
import { acquire, claimRequest, faultProxy } from '../src/testing/index.ts'

const unavailable = { code: 'IDEMPOTENCY_STORE_UNAVAILABLE', retryable: true }
const lease = { leaseMs: 60_000, graceMs: 60_000 }
const done = { payload: Buffer.from('done'), omitted: false, retentionMs: 60_000 }

describe('redisStore on a shared server', () => {
  it('IDEM-10 recognises its own claim when the client resends it after a lost answer', async () => {
    const direct = connect()
    await using proxy = await faultProxy(`redis://${direct.options.host}:${direct.options.port}`)
    const client = connect(proxy.url, { maxRetriesPerRequest: 5 })
    const store = isolatedStore({ client })
    await acquire(store, claimRequest()) // the connection is up and the script is known
    const lost = proxy.loseNextAnswer()
    const claim = store.claim(claimRequest())
    await lost
    expect(await claim).toMatchObject({ verdict: 'acquired', attempt: 1 })
  })

  it('IDEM-12 answers ok when the client resends a completion after a lost answer', async () => {
    const direct = connect()
    await using proxy = await faultProxy(`redis://${direct.options.host}:${direct.options.port}`)
    const store = isolatedStore({ client: connect(proxy.url, { maxRetriesPerRequest: 5 }) })
    const warm = await acquire(store, claimRequest())
    await store.complete(warm, done)
    const handle = await acquire(store, claimRequest())
    const lost = proxy.loseNextAnswer()
    const completion = store.complete(handle, done)
    await lost
    expect(await completion).toBe('ok')
  })

  it('IDEM-17 takes time from Redis, never from this process', async () => {
    const store = isolatedStore()
    const request = claimRequest({ leaseMs: 60_000, state: 'started' })
    try {
      const realMs = Date.now()
      vi.useFakeTimers({ toFake: ['Date'], now: realMs - 600_000 })
      const handle = await acquire(store, request)
      vi.setSystemTime(realMs + 600_000)
      const rival = { ...request, token: randomBytes(16) }
      expect(await store.claim(rival)).toMatchObject({ verdict: 'in_progress' })
      await store.complete(handle, { ...done, retentionMs: 30_000 })
      expect((await store.claim(rival)).verdict).toBe('completed')
      const view = await store.inspect(request.id)
      expect(Math.abs(view!.createdAt.getTime() - realMs)).toBeLessThan(60_000)
    } finally {
      vi.useRealTimers()
    }
  })

  it.each([
    ['a newer version', (record: Buffer) => Buffer.concat([Buffer.from([99]), record.subarray(1)])],
    ['a truncated record', (record: Buffer) => record.subarray(0, 40)],
    ['an unknown state', (record: Buffer) => Buffer.from(record).fill(77, 1, 2)],
    ['something else altogether', () => Buffer.from('{"status":"done"}')],
  ])('IDEM-38 fails closed on %s', async (_case, corrupt) => {
    const client = connect()
    const store = isolatedStore({ client })
    const request = claimRequest()
    const handle = await acquire(store, request)
    const key = store.prefix + request.id
    const broken = corrupt((await client.getBuffer(key))!)
    await client.set(key, broken)
    const verdict = { verdict: 'indeterminate', reason: 'unreadable' }
    const executing = { ...request, token: randomBytes(16), onIndeterminate: 'execute' as const }
    expect(await store.claim(executing)).toEqual(verdict)
    expect(await store.complete(handle, done)).toBe('stale')
    expect(await store.release(handle)).toBe('stale')
    expect(await store.renew(handle, lease)).toBe('stale')
    const unreadable = { code: 'IDEMPOTENCY_RECORD_UNREADABLE', retryable: false }
    await expect(store.inspect(request.id)).rejects.toMatchObject(unreadable)
    const refused = { outcome: 'refused', standing: 'unreadable', fence: 0 }
    expect(await store.resolve({ ...executing, ...done })).toEqual(refused)
    expect(await store.forget({ id: request.id, ifStanding: 'indeterminate' })).toEqual(refused)
    expect((await client.getBuffer(key))!.equals(broken)).toBe(true)
    // Nobody but an operator who says so makes the key new again.
    const forget = { id: request.id, ifStanding: 'unreadable' } as const
    expect(await store.forget(forget)).toEqual({ outcome: 'done' })
  })

  it('IDEM-48 reads a record as the first release wrote it', async () => {
    const client = connect()
    const store = isolatedStore({ client })
    const written = [
      '01', // version of the layout
      '03', // completed
      '00000002', // attempt
      '00065f1d2a3b4c5d', // fence
      '00000193a0b1c2d3', // finished
      '00000193a0b1c000', // first claimed
      '0a'.repeat(16), // token
      '07'.repeat(32), // fingerprint
      '646f6e65', // 'done'
    ]
    const request = claimRequest({ fingerprint: Buffer.alloc(32, 7) })
    const record = Buffer.from(written.join(''), 'hex')
    await client.set(store.prefix + request.id, record, 'PX', 60_000)
    const payload = Buffer.from('done')
    expect(await store.claim(request)).toEqual({ verdict: 'completed', payload, omitted: false })
    expect(await store.inspect(request.id)).toMatchObject({
      state: 'completed',
      attempt: 2,
      fence: 0x65f1d2a3b4c5d,
      createdAt: new Date(0x193a0b1c000),
    })
  })

  it('fails closed on a key of another type', async () => {
    const client = connect()
    const store = isolatedStore({ client })
    const request = claimRequest()
    await client.lpush(store.prefix + request.id, 'x')
    await expect(store.claim(request)).rejects.toMatchObject(unavailable)
  })

  it('keeps one small key per record, without a hash tag, that expires by itself', async () => {
    const client = connect()
    const store = isolatedStore({ client })
    const request = claimRequest()
    const handle = await acquire(store, request)
    await store.complete(handle, { ...done, payload: Buffer.alloc(0) })
    const keys = await client.keys(`${store.prefix}*`)
    expect(keys).toEqual([store.prefix + request.id])
    expect(keys[0]).not.toMatch(/[{}]/)
    expect(await client.pttl(keys[0]!)).toBeGreaterThan(0)
    expect(await client.memory('USAGE', keys[0]!)).toBeLessThan(400)
  })

  it('refuses options out of range', () => {
    const client = connect()
    const nodeRedis = { client: { sendCommand: () => {} } as never }
    for (const bad of [{ deadlineMs: 0 }, { deadlineMs: 1.5 }, { prefix: 'a{b}' }, nodeRedis]) {
      const refusal = expect.objectContaining({ code: 'IDEMPOTENCY_OPTIONS_INVALID' })
      expect(() => redisStore({ client, ...bad })).toThrow(refusal)
    }
  })

  it.each([
    ['Buffer methods', {}],
    ['automatic pipelining', { enableAutoPipelining: true }],
    ['RESP2', { protocol: 2 as const }],
  ])('works through a client with %s', async (_case, options) => {
    const store = isolatedStore({ client: connect(undefined, options) })
    const request = claimRequest()
    const handle = await acquire(store, request)
    expect(await store.complete(handle, done)).toBe('ok')
    expect((await store.claim({ ...request, token: randomBytes(16) })).verdict).toBe('completed')
    const page = await store.listIndeterminate({ scanCount: 1_000 })
    expect(page.records).toEqual([])
  })

  it('works through a client that has nothing but callBuffer', async () => {
    const client = countingClient(connect())
    const store = isolatedStore({ client })
    const handle = await acquire(store, claimRequest())
    expect(await store.release(handle)).toBe('ok')
    await store.listIndeterminate({ scanCount: 10 })
    expect(client.commands).toEqual(expect.arrayContaining(['EVALSHA', 'SCAN']))
  })

  it('says so when a client turns bytes into text', async () => {
    const real = connect()
    const client = {
      callBuffer: (command: string, ...args: never[]) => real.call(command, ...args),
    }
    const store = isolatedStore({ client })
    const request = claimRequest()
    await store.complete(await acquire(store, request), done)
    await expect(store.claim(request)).rejects.toThrow('must return bulk strings as Buffer')
  })
})

describe('redisStore on a server of its own', () => {
  let server: Awaited<ReturnType<typeof startRedis>>
  beforeAll(async () => {
    server = await startRedis()
  })
  afterAll(() => server.stop())

  const storeOn = (deadlineMs: number, options = {}) => {
    const client = connect(server.url, options)
    const prefix = `${uniqueName('idem')}:`
    return { client, prefix, store: redisStore({ client, deadlineMs, prefix }) }
  }

  it('IDEM-39 sends the script itself when the server has forgotten it', async () => {
    const { client, store } = storeOn(5_000)
    const handle = await acquire(store, claimRequest())
    await client.script('FLUSH')
    expect(await store.renew(handle, lease)).toBe('ok')
    await client.script('FLUSH')
    expect(await store.complete(handle, done)).toBe('ok')
    await client.script('FLUSH')
    expect((await store.claim({ ...claimRequest(), id: handle.id })).verdict).toBe('completed')
  })

  it('IDEM-14 refuses a claim when memory is full, and still records, renews and releases', async () => {
    const { client, store } = storeOn(5_000)
    const finishing = await acquire(store, claimRequest())
    const running = await acquire(store, claimRequest({ state: 'started' }))
    const failing = await acquire(store, claimRequest())
    try {
      await client.config('SET', 'maxmemory', '1')
      await expect(store.claim(claimRequest())).rejects.toMatchObject(unavailable)
      expect(await store.complete(finishing, { ...done, payload: randomBytes(10_000) })).toBe('ok')
      expect(await store.renew(running, lease)).toBe('ok')
      expect(await store.mark(running, 'committed', lease)).toBe('ok')
      expect(await store.release(failing)).toBe('ok')
    } finally {
      await client.config('SET', 'maxmemory', '0')
    }
    expect((await store.inspect(finishing.id))?.state).toBe('completed')
  })

  it('IDEM-14 still answers for the records that are there when memory is full', async () => {
    const { client, store } = storeOn(5_000)
    const request = claimRequest()
    const handle = await acquire(store, request)
    const other = { ...request, token: randomBytes(16) }
    try {
      await client.config('SET', 'maxmemory', '1')
      expect((await store.claim(other)).verdict).toBe('in_progress')
      expect(await store.claim(request)).toMatchObject({ verdict: 'acquired', attempt: 1 })
      await store.complete(handle, done)
      expect((await store.claim(other)).verdict).toBe('completed')
    } finally {
      await client.config('SET', 'maxmemory', '0')
    }
  })

  it('writes the commands of one turn in one piece, and a lone one at once', async () => {
    const { client, store } = storeOn(5_000)
    const handle = await acquire(store, claimRequest())
    expect(await store.renew(handle, lease)).toBe('ok') // the server knows the script
    const { stream } = client
    const lone = store.renew(handle, lease)
    expect([stream.writableCorked, stream.writableLength]).toEqual([0, 0])
    const others = Array.from({ length: 20 }, () => store.renew(handle, lease))
    expect(stream.writableCorked).toBe(1)
    expect(stream.writableLength).toBeGreaterThan(20 * 100)
    expect(await Promise.all([lone, ...others])).toEqual(Array.from({ length: 21 }, () => 'ok'))
    expect([stream.writableCorked, stream.writableLength]).toEqual([0, 0])
  })

  it('falls back to plain scripts on a server that does not know flags', async () => {
    // Redis 6 is not to be had here: its answer, word for word, in front of a real server.
    const real = connect(server.url)
    const texts: string[] = []
    const asRedis6 = {
      async callBuffer(command: string, ...args: (string | number | Buffer)[]) {
        const text = String(args[0])
        if (command === 'EVAL') texts.push(text)
        if (command === 'EVAL' && text.startsWith('#!')) {
          throw new Error(
            "ERR Error compiling script (new function): user_script:1: unexpected symbol near '#'",
          )
        }
        return real.callBuffer(command, ...args)
      },
    }
    await real.script('FLUSH')
    const store = redisStore({ client: asRedis6, prefix: 'old:', deadlineMs: 5_000 })
    const handle = await acquire(store, claimRequest())
    expect(await store.complete(handle, done)).toBe('ok')
    expect(await store.release(handle)).toBe('stale')
    expect(texts.filter((text) => text.startsWith('#!'))).toHaveLength(1)
  })

  it('IDEM-13 gives up within its deadline while the server is frozen, and keeps nothing waiting', async () => {
    const [{ store }, { store: patient }] = [storeOn(2_000), storeOn(30_000)]
    const [handle] = [await acquire(store, claimRequest()), await acquire(patient, claimRequest())]
    const settled: string[] = []
    const note = (what: string, call: Promise<unknown>): Promise<unknown> =>
      call.catch((error: Error) => error).finally(() => settled.push(what))
    let waiting: Promise<unknown> = Promise.resolve()
    server.freeze()
    try {
      waiting = note('patient', patient.claim(claimRequest()))
      const calls = {
        claim: store.claim(claimRequest()),
        renew: store.renew(handle, lease),
        complete: store.complete(handle, done),
        inspect: store.inspect(handle.id),
      }
      const answers = Object.entries(calls).map(([name, call]) => note(name, call))
      for (const answer of answers) expect(await answer).toMatchObject(unavailable)
      expect(settled.toSorted()).toEqual(Object.keys(calls).toSorted())
    } finally {
      server.resume()
    }
    expect(await waiting).toMatchObject({ verdict: 'acquired' })
  })

  it('IDEM-11 takes a claim back that runs after its request was given up', async () => {
    const { client, prefix, store } = storeOn(2_000)
    await acquire(store, claimRequest())
    const request = claimRequest()
    const ran: string[] = []
    const monitor = await connect(server.url).monitor()
    monitor.on('monitor', (_time: string, args: string[], source: string) => {
      if (source !== 'lua' && args.includes(prefix + request.id)) ran.push(args[0]!.toLowerCase())
    })
    server.freeze()
    try {
      await expect(store.claim(request)).rejects.toMatchObject(unavailable)
    } finally {
      server.resume()
    }
    // The claim and, behind it on the same connection, its withdrawal.
    await waitFor(() => ran.length >= 2)
    monitor.disconnect()
    await waitFor(async () => (await client.exists(prefix + request.id)) === 0)
    expect((await store.claim({ ...request, token: randomBytes(16) })).verdict).toBe('acquired')
  })

  it('IDEM-13 gives up within its deadline when the server is gone, and works again when it is back', async () => {
    // The client itself would try until the server is back.
    const client = { retryStrategy: () => 50, maxRetriesPerRequest: null }
    const { store } = storeOn(2_000, client)
    await acquire(store, claimRequest())
    await server.kill()
    await expect(store.claim(claimRequest())).rejects.toMatchObject({
      ...unavailable,
      message: expect.stringContaining('within 2000 ms'),
    })
    await server.start()
    await waitFor(async () => (await store.claim(claimRequest())).verdict === 'acquired')
  })

  it('IDEM-39 records what was done although the server lost the claim', async () => {
    const { client, store } = storeOn(5_000)
    const handle = await acquire(store, claimRequest())
    await client.flushall()
    expect(await store.complete(handle, done)).toBe('ok')
    expect((await store.claim({ ...claimRequest(), id: handle.id })).verdict).toBe('completed')
  })
})
