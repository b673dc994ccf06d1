// The examples run as they are printed, and the README shows exactly them.
import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import { freePort, sharedServers, spawnChild, uniqueName, waitFor } from '@payflow/testkit'
import { expect, it } from 'vitest'
import { send } from './support/http.ts'

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

it('run-a-job-once prints what its comments say', async () => {
  const { fileURLToPath } = await import('node:url')
  const file = fileURLToPath(example('run-a-job-once'))
  const args = ['--conditions=@payflow/source', file]
  const { stdout } = await promisify(execFile)(process.execPath, args, {
    env: { ...process.env, NODE_OPTIONS: '' },
  })
  expect(stdout).toBe('executed replayed\nmismatch\n')
})

it.each(['protect-a-route', 'run-a-job-once'])('the README shows %s', async (name) => {
  const source = await readFile(example(name), 'utf8')
  const region = /\/\/ #region main\n([\s\S]*?)\/\/ #endregion main/.exec(source)![1]!
  const readme = await readFile(new URL('../README.md', import.meta.url), 'utf8')
  expect(readme).toContain(region.trimEnd())
})
