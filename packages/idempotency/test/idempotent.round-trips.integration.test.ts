// What a protected request costs: commands sent to Redis, counted on their way.
import { expect, it } from 'vitest'
import { gate } from './support/gate.ts'
import { countingClient } from './support/counting-client.ts'
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
