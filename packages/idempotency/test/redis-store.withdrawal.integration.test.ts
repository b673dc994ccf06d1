// Claims that ran although their request was told that they did not: each must be taken back, or its
// key is blocked by nobody. A private Redis for each test.
import { startRedis, uniqueName, waitFor } from '@payflow/testkit'
import { describe, expect, it } from 'vitest'
import { redisStore } from '../src/redis/index.ts'
import type { RedisPort } from '../src/redis/index.ts'
import { claimRequest } from '../src/testing/index.ts'
import { connect } from './support/redis.ts'

const unavailable = { code: 'IDEMPOTENCY_STORE_UNAVAILABLE' }

describe('a claim without an answer', () => {
  it('IDEM-11 IDEM-16 is taken back where WAIT is not allowed', async () => {
    await using server = await startRedis({ name: 'acl' })
    const admin = connect(server.url)
    await admin.call('ACL', 'SETUSER', 'app', 'on', '>secret', '~*', '+@all', '-wait')
    const client = connect(server.url, { username: 'app', password: 'secret' })
    const store = redisStore({
      client: connect(server.url),
      prefix: uniqueName('idem'),
      deadlineMs: 5_000,
      durability: { client, replicas: 1 },
    })
    await expect(store.claim(claimRequest())).rejects.toMatchObject({
      ...unavailable,
      message: expect.stringMatching(/WAIT was refused/),
    })
    await waitFor(async () => (await admin.dbsize()) === 0)
  })

  it('IDEM-11 is taken back also when thousands were under way', async () => {
    await using server = await startRedis({ name: 'hiccup' })
    const admin = connect(server.url)
    const store = redisStore({
      client: connect(server.url),
      prefix: uniqueName('idem'),
      deadlineMs: 250,
    })
    await store.claim(claimRequest())
    server.freeze()
    const claims = Array.from({ length: 2_500 }, () => store.claim(claimRequest()))
    const settled = await Promise.allSettled(claims)
    server.resume()
    expect(settled.every(({ status }) => status === 'rejected')).toBe(true)
    // Every claim has run, and behind it its withdrawal.
    await waitFor(async () => {
      const calls = /cmdstat_evalsha:calls=(\d+)/.exec(await admin.info('commandstats'))
      return Number(calls?.[1]) >= 1 + 2 * claims.length
    })
    await waitFor(async () => (await admin.dbsize()) === 1)
  })

  it('IDEM-11 is taken back again when the client of a Cluster let its withdrawal pass by', async () => {
    await using server = await startRedis({ name: 'held-back' })
    const admin = connect(server.url)
    const real = connect(server.url)
    const held: (() => void)[] = []
    const client: RedisPort = {
      nodes: () => [],
      // Holds the first claim back, as a client does that looks for its node meanwhile.
      callBuffer(command, ...args) {
        const isFirstClaim = command === 'EVALSHA' && args[1] === 1 && args.length === 6
        if (!isFirstClaim || held.length > 0) return real.callBuffer(command, ...args)
        const { promise, resolve } = Promise.withResolvers<void>()
        held.push(resolve)
        return promise.then(() => real.callBuffer(command, ...args))
      },
    }
    const prefix = uniqueName('idem')
    await redisStore({ client: real, prefix }).claim(claimRequest()) // the server knows the script
    const store = redisStore({ client, prefix, deadlineMs: 200 })
    await expect(store.claim(claimRequest())).rejects.toMatchObject(unavailable)
    await waitFor(async () =>
      /calls=1,/.test(callsOf('getrange', await admin.info('commandstats'))),
    )
    held[0]!()
    await waitFor(async () =>
      /calls=2,/.test(callsOf('getrange', await admin.info('commandstats'))),
    )
    expect(await admin.dbsize()).toBe(1)
  })
})

const callsOf = (command: string, stats: string): string =>
  new RegExp(`cmdstat_${command}:.*`).exec(stats)?.[0] ?? ''
