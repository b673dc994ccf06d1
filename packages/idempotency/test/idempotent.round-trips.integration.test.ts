/*
 * Goal: what a protected request costs in round trips to Redis.
 * Method: commands counted on their way; then a proxy that makes every round trip take a fixed time,
 * so that a request takes a whole number of them.
 */
import { sharedServers } from '@payflow/testkit'
import { expect, it } from 'vitest'
import { countingClient } from './support/counting-client.ts'
import { delayingProxy } from './support/delaying-proxy.ts'
import { gate } from './support/gate.ts'
import { serveProtected } from './support/protected-app.ts'
import { connect, isolatedStore } from './support/redis.ts'

it('IDEM-43 takes two round trips for a first request, and one for a replay, a 409 and a 422', async () => {
  const client = countingClient(connect())
  const door = gate()
  let isDoorClosed = false
  await using app = await serveProtected(
    async (_req, res) => {
      if (isDoorClosed) await door.pass()
      res.status(201).json({ ok: true })
    },
    { store: isolatedStore({ client }) },
  )
  const costOf = async (request: () => Promise<unknown>): Promise<string[]> => {
    client.commands.length = 0
    await request()
    return [...client.commands]
  }
  await app.send({ key: 'warm-up' }) // the scripts are known to the server after this

  expect(await costOf(() => app.send({ key: 'k1', body: { a: 1 } }))).toEqual([
    'EVALSHA',
    'EVALSHA',
  ])
  expect(await costOf(() => app.send({ key: 'k1', body: { a: 1 } }))).toEqual(['EVALSHA'])
  expect(await costOf(() => app.send({ key: 'k1', body: { a: 2 } }))).toEqual(['EVALSHA'])

  isDoorClosed = true
  const running = app.send({ key: 'k2' })
  await door.reached
  expect(await costOf(() => app.send({ key: 'k2' }))).toEqual(['EVALSHA'])
  // IDEM-43: nobody waits inside the server, hence nobody polls.
  const duplicates = () => Promise.all(Array.from({ length: 100 }, () => app.send({ key: 'k2' })))
  expect(await costOf(duplicates)).toHaveLength(100)
  door.open()
  await running
})

it('waits for Redis twice in a first request, and once in a replay, a 409 and a 422', async () => {
  const delayMs = 60
  await using proxy = await delayingProxy(sharedServers().redisUrl, delayMs)
  const door = gate()
  let isDoorClosed = false
  await using app = await serveProtected(
    async (_req, res) => {
      if (isDoorClosed) await door.pass()
      res.status(201).json({ ok: true })
    },
    { store: isolatedStore({ client: connect(proxy.url) }) },
  )
  await app.send({ key: 'warm-up' }) // connected, and the scripts are known to the server

  /** What five such requests took: round trips, and the whole delays in the fastest one. */
  const cost = async (request: (n: number) => Promise<{ status: number }>) => {
    const [statuses, trips, delays] = [new Set<number>(), new Set<number>(), [] as number[]]
    for (let n = 0; n < 5; n++) {
      const [tripsBefore, startedAt] = [proxy.roundTrips(), performance.now()]
      statuses.add((await request(n)).status)
      // Timers count in whole milliseconds and may be early by a part of one.
      delays.push(Math.floor((performance.now() - startedAt + 2) / delayMs))
      trips.add(proxy.roundTrips() - tripsBefore)
    }
    return { statuses: [...statuses], roundTrips: [...trips], delays: Math.min(...delays) }
  }
  const first = (n: number) => app.send({ key: `k${n}`, body: { a: 1 } })
  expect(await cost(first)).toEqual({ statuses: [201], roundTrips: [2], delays: 2 })
  expect(await cost(first)).toEqual({ statuses: [201], roundTrips: [1], delays: 1 })
  const otherBody = (n: number) => app.send({ key: `k${n}`, body: { a: 2 } })
  expect(await cost(otherBody)).toEqual({ statuses: [422], roundTrips: [1], delays: 1 })

  isDoorClosed = true
  const running = app.send({ key: 'slow' })
  await door.reached
  const duplicate = () => app.send({ key: 'slow' })
  expect(await cost(duplicate)).toEqual({ statuses: [409], roundTrips: [1], delays: 1 })
  door.open()
  await running
})
