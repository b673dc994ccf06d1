// The command as a process of its own on a real Redis, and its command line with modules that need
// none.
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { sharedServers, spawnChild } from '@payflow/testkit'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { runCli } from '../src/cli/index.ts'
import { acquire, claimRequest } from '../src/testing/index.ts'
import { isolatedStore } from './support/redis.ts'

const config = fileURLToPath(new URL('./support/cli-config.ts', import.meta.url))
const lease = { leaseMs: 60_000, graceMs: 60_000 }

let folder: string
let number = 0
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'payflow-idempotency-'))
})
afterAll(() => rm(folder, { recursive: true }))

async function onRedis() {
  const store = isolatedStore()
  const run = async (...args: string[]) => {
    const env = { REDIS_URL: sharedServers().redisUrl, PREFIX: store.prefix }
    await using child = await spawnChild(new URL('../src/bin.ts', import.meta.url), {
      args: ['--config', config, ...args],
      env,
    })
    const { code } = await child.exited
    return { code, out: child.stdout().trim(), err: child.stderr() }
  }
  const fail = async (id: string) => {
    const handle = await acquire(store, claimRequest({ id }))
    const payload = Buffer.from('[1,["hold",{"iban":"secret"}]]')
    await store.checkpoint(handle, { ...lease, payload })
    await store.mark(handle, 'indeterminate', lease)
    return handle
  }
  return { store, run, fail }
}

describe('payflow-idempotency', () => {
  it('lists, inspects and resolves what is unknown', async () => {
    const { store, run, fail } = await onRedis()
    const handle = await fail('one')
    expect((await run('list')).out).toContain(
      `one  indeterminate  attempt 1  fence ${handle.fence}`,
    )
    const shown = await run('inspect', 'one', '--json')
    expect(shown.out).not.toContain('secret')
    expect(JSON.parse(shown.out)).toMatchObject({ standing: 'indeterminate', steps: ['hold'] })
    const response = JSON.stringify({ status: 201, body: 'paid' })
    const moved = await run('resolve', 'one', '--response', response, '--if-fence', '1')
    expect([moved.code, moved.out]).toEqual([
      3,
      `one is indeterminate, with fence ${handle.fence}: not resolved`,
    ])
    const done = await run('resolve', 'one', '--response', response)
    expect([done.code, done.out]).toEqual([0, 'one resolved'])
    expect((await store.inspect('one'))?.standing).toBe('completed')
    expect(await run('list')).toMatchObject({ code: 0, out: '' })
  })

  it('forgets only what stands as was said, also an id that begins with a dash', async () => {
    const { store, run, fail } = await onRedis()
    await fail('-two')
    const wrong = await run('forget', '--if-standing', 'completed', '--', '-two')
    expect(wrong.code).toBe(3)
    const done = await run('forget', '--if-standing', 'indeterminate', '--json', '--', '-two')
    expect(JSON.parse(done.out)).toEqual({ id: '-two', outcome: 'done' })
    expect(await store.inspect('-two')).toBeUndefined()
    expect((await run('inspect', '--', '-two')).code).toBe(4)
  })
})

describe('runCli', () => {
  async function cli(...args: string[]) {
    const lines: string[] = []
    const add = (line: string) => void lines.push(line)
    return { code: await runCli(args, { print: add, complain: add }), text: lines.join('\n') }
  }
  async function configModule(source: string): Promise<string> {
    const path = join(folder, `config-${(number += 1)}.mjs`)
    await writeFile(path, source)
    return path
  }
  const id = randomBytes(32).toString('hex')

  it.each([
    [[], 'expected list, inspect, resolve or forget'],
    [['drop'], 'not drop'],
    [['list'], '--config <module> is missing'],
    [['list', 'x', '--config', 'c'], 'takes 0'],
    [['inspect', '--config', 'c'], 'takes 1'],
    [['inspect', 'a b', '--config', 'c'], 'is no record id'],
    [['inspect', 'x', '--config', 'c', '--if-fence', '1'], 'does not belong to inspect'],
    [['resolve', 'x', '--config', 'c'], 'either --response'],
    [['resolve', 'x', '--config', 'c', '--value', '1', '--response', '{}'], 'either --response'],
    [['resolve', 'x', '--config', 'c', '--value', '{'], 'no JSON'],
    [['forget', 'x', '--config', 'c'], '--if-standing must be'],
    [['forget', 'x', '--config', 'c', '--if-standing', 'running'], '--if-standing must be'],
    [['forget', 'x', '--config', 'c', '--if-fence', '1.5'], '--if-fence must be'],
    [['list', '--what'], "Unknown option '--what'"],
  ])('refuses %j with 2, and prints how it is used', async (args, text) => {
    const { code, text: said } = await cli(...args)
    expect(code).toBe(2)
    expect(said).toContain(text)
    expect(said).toContain('Exit codes')
  })

  it('prints its usage when asked, with 0', async () => {
    expect(await cli('--help')).toMatchObject({ code: 0, text: expect.stringContaining('--json') })
  })

  it('tells a wrong config module from a store that is down', async () => {
    const wrong = await configModule('export default 1')
    expect((await cli('list', '--config', wrong)).code).toBe(2)
    expect((await cli('list', '--config', 'missing.mjs')).code).toBe(2)
    const down = await configModule(`
      const down = () => Promise.reject(new Error('connection refused'))
      export default { inspect: down, listIndeterminate: down, resolve: down, forget: down }`)
    expect(await cli('inspect', id, '--config', down)).toEqual({
      code: 1,
      text: 'payflow-idempotency: connection refused',
    })
  })
})
