// The examples run as they are printed, and the README shows exactly them.
import { execFile } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import {
  createTestDatabase,
  freePort,
  sharedServers,
  spawnChild,
  startRedis,
  uniqueName,
  waitFor,
} from '@payflow/testkit'
import { expect, it } from 'vitest'
import { send } from './support/http.ts'
import { connect } from './support/redis.ts'

const example = (name: string): URL => new URL(`../examples/${name}.ts`, import.meta.url)

it('protect-a-route answers twice with one payment', async () => {
  const port = await freePort()
  const env = { REDIS_URL: sharedServers().redisUrl, PORT: String(port) }
  await using child = await spawnChild(example('protect-a-route'), { env })
  const key = uniqueName('key')
  const pay = () =>
    send(`http://127.0.0.1:${port}`, {
      path: '/payments',
      key,
      headers: { 'x-user': 'ada' },
      body: { amount: 500 },
    })
  const first = await waitFor(pay, { message: () => child.stderr() })
  const second = await pay()
  expect(first.status).toBe(201)
  expect(second.text).toBe(first.text)
  expect(second.headers['idempotent-replayed']).toBe('true')
})

it('guard-a-payment pays once, also when Redis has forgotten', async () => {
  await using database = await createTestDatabase()
  await database.pool.query(`create table payment
    (id uuid primary key default gen_random_uuid(), amount_minor bigint not null)`)
  await using redis = await startRedis()
  const port = await freePort()
  const env = { DATABASE_URL: database.url, REDIS_URL: redis.url, PORT: String(port) }
  await using child = await spawnChild(example('guard-a-payment'), { env })
  const pay = (amount: number) =>
    send(`http://127.0.0.1:${port}`, {
      path: '/payments',
      key: 'payment-1',
      headers: { 'x-user': 'ada' },
      body: { amount },
    })
  const first = await waitFor(() => pay(500), { message: () => child.stderr() })
  expect([first.status, first.json().id]).toEqual([201, expect.any(String)])
  await connect(redis.url).flushall()
  expect((await pay(700)).json().code).toBe('idempotency_key_reused')
  expect((await pay(500)).text).toBe(first.text)
  await redis.kill()
  expect((await pay(500)).text).toBe(first.text)
  expect((await database.pool.query('select 1 from payment')).rowCount).toBe(1)
})

it.each([
  ['run-a-job-once', 'executed replayed\nmismatch\n'],
  [
    'recover-a-payment',
    'the connection was lost, and with it the answer of the provider\n' +
      "{ outcome: 'replayed', omitted: false, value: 'o1 500' }\n",
  ],
])('%s prints what its comments say', async (name, printed) => {
  const { fileURLToPath } = await import('node:url')
  const file = fileURLToPath(example(name))
  const args = ['--conditions=@payflow/source', file]
  const { stdout } = await promisify(execFile)(process.execPath, args, {
    env: { ...process.env, NODE_OPTIONS: '' },
  })
  expect(stdout).toBe(printed)
})

it('test-your-own passes under the test runner of Node', async () => {
  await using child = await spawnChild(example('test-your-own'))
  expect(await child.exited).toMatchObject({ code: 0 })
  expect(child.stdout()).toMatch(/^(ℹ|#) fail 0$/m)
  expect(child.stdout()).toMatch(/^(ℹ|#) pass [5-9]\d$/m)
})

const examples = readdirSync(new URL('../examples/', import.meta.url))
it.each(examples)('the README shows %s', async (name) => {
  const source = await readFile(new URL(`../examples/${name}`, import.meta.url), 'utf8')
  const region = /\/\/ #region main\n([\s\S]*?)\/\/ #endregion main/.exec(source)![1]!
  const readme = await readFile(new URL('../README.md', import.meta.url), 'utf8')
  expect(readme).toContain(region.trimEnd())
})
