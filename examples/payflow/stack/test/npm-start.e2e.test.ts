/*
 * Goal: what `npm start` promises: an address, an end without leftovers, and data that stay.
 * Method: the command that npm runs, on a folder and a port of its own.
 */
import { join, resolve } from 'node:path'
import {
  freePort,
  isAlive,
  processTree,
  spawnOwned,
  temporaryFolder,
  waitFor,
  type OwnedProcess,
} from '@payflow/testkit'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { readStackFile } from '../src/index.ts'
import { Person } from './person.ts'

const ROOT = resolve(import.meta.dirname, '../../../..')
let dir: string
let port: number
let run: OwnedProcess | undefined

beforeAll(async () => {
  dir = join(temporaryFolder('npm-start'), 'data')
  port = await freePort()
})
afterAll(async () => {
  run?.process.kill('SIGKILL')
  await run?.exited
})

/** Resolves with the address that is printed. */
async function npmStart(): Promise<string> {
  const env = { ...process.env, PAYFLOW_DIR: dir, PAYFLOW_PORT: String(port) }
  const servers = ['PAYFLOW_POSTGRES_URL', 'PAYFLOW_REDIS_URL', 'PAYFLOW_RABBITMQ_URL']
  for (const name of servers) Reflect.deleteProperty(env, name)
  const started = await spawnOwned('sh', {
    args: [join(ROOT, 'scripts/env.sh'), 'scripts/start.ts'],
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  run = started
  let output = ''
  for (const stream of [started.process.stdout, started.process.stderr]) {
    stream?.on('data', (chunk) => (output += String(chunk)))
  }
  let ended = false
  void started.exited.then(() => (ended = true))
  const isUp = () => ended || output.includes('Ctrl-C stops everything')
  await waitFor(isUp, { timeoutMs: 180_000, message: () => `the address in\n${output}` })
  const [, url] = /Open\s+(http:\S+)/.exec(output) ?? []
  expect(url, output).toBe(`http://127.0.0.1:${port}`)
  return url as string
}

/** Ends the supervisor; resolves with how it ended once nothing of the stack is left. */
async function end(signal: NodeJS.Signals) {
  const { pid, process: supervisor, exited } = run as OwnedProcess
  const pids = [pid, ...readStackFile(dir).map((entry) => entry.pid)].flatMap(processTree)
  expect(new Set(pids).size).toBeGreaterThan(10)
  supervisor.kill(signal)
  const how = await exited
  await waitFor(() => pids.every((each) => !isAlive(each)), {
    message: () => `processes ${pids.filter(isAlive).join(', ')} to end`,
  })
  expect(readStackFile(dir)).toEqual([])
  return how
}

test('prints the address, ends on SIGTERM, and finds its data again even after SIGKILL', async () => {
  const url = await npmStart()
  const [payer, payee] = await Promise.all([Person.register(url), Person.register(url)])
  const first = await payer.pay(payee, 100)
  expect(first.status).toBe('COMPLETED')
  expect(await end('SIGTERM')).toEqual({ code: 0, signal: null })

  await npmStart()
  const again = await Person.logIn(url, payer.email)
  expect(await again.history()).toEqual([first.id])
  const second = await again.pay(payee, 100)
  expect(second.status).toBe('COMPLETED')
  expect(await end('SIGKILL')).toEqual({ code: null, signal: 'SIGKILL' })

  await npmStart()
  const after = await Person.logIn(url, payer.email)
  expect(await after.history()).toEqual([second.id, first.id])
  expect(await end('SIGTERM')).toEqual({ code: 0, signal: null })
})
