// A client is killed while its payment is being made, started again, and pays once. The client is
// the example of the README.
import { sharedServers, spawnChild, temporaryFolder } from '@payflow/testkit'
import { expect, it } from 'vitest'
import { gate } from './support/gate.ts'
import { serveProtected } from './support/protected-app.ts'

it('IDEM-27 pays once when the client dies with its request on the way', async () => {
  expect(sharedServers().redisUrl).toBeTruthy()
  const door = gate()
  const keys: (string | undefined)[] = []
  await using app = await serveProtected(async (req, res) => {
    keys.push(req.get('idempotency-key'))
    await door.pass()
    res.status(201).json({ payment: keys.length })
  })
  const env = { PAYMENTS_URL: app.url, KEYS_FOLDER: temporaryFolder('keys') }
  const start = () =>
    spawnChild(new URL('../examples/pay-from-a-client.ts', import.meta.url), { env })

  await using victim = await start()
  await door.reached
  await victim.kill('SIGKILL')
  door.open()
  await using second = await start()
  await second.exited
  await using third = await start()
  await third.exited

  expect(second.stdout()).toBe('201 {"payment":1} true\n')
  expect(third.stdout()).toBe('201 {"payment":1} true\n')
  expect(keys).toHaveLength(1)
})
