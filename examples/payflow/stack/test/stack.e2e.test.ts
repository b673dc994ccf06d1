/*
 * Goal: a stack says truly what runs, starts again what dies, and leaves nothing behind.
 * Method: processes are killed from outside, as `kill -9` would, and `stack.json` is read as any
 * other program reads it.
 */
import { existsSync } from 'node:fs'
import { isAlive, processTree, waitFor } from '@payflow/testkit'
import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  readStackFile,
  SERVICE_NAMES,
  startStack,
  type Stack,
  type StackEntry,
} from '../src/index.ts'
import { Person } from './person.ts'

let stack: Stack
const deaths: string[] = []
const SERVERS = ['postgres', 'redis', 'rabbitmq']

beforeAll(async () => {
  stack = await startStack({ onDeath: (sentence) => deaths.push(sentence) })
})
afterAll(async () => {
  await stack?.stop()
})

const entries = () => readStackFile(stack.dir)
const entryOf = (name: string) => entries().find((entry) => entry.name === name)

/** Kills it as a person would; resolves with its entry once another process runs in its place. */
async function killed(name: string): Promise<StackEntry> {
  const before = entryOf(name)
  process.kill(before?.pid ?? 0, 'SIGKILL')
  return await waitFor(
    () => {
      const now = entryOf(name)
      return now !== undefined && now.pid > 0 && now.pid !== before?.pid ? now : undefined
    },
    { timeoutMs: 60_000, message: `another ${name} in stack.json` },
  )
}

// First, while the queues are young: see queue-registry.ts.
test('RabbitMQ killed right after the start comes back with its queues', async () => {
  const rabbitmq = await killed('rabbitmq')
  expect(isAlive(rabbitmq.pid)).toBe(true)
  const [payer, payee] = await Promise.all([Person.register(stack.url), Person.register(stack.url)])
  expect(await payer.pay(payee, 100)).toMatchObject({ status: 'COMPLETED' })
})

test('stack.json names eleven living processes, each with its port, address and log', async () => {
  expect(entries().map(({ name }) => name)).toEqual([...SERVICE_NAMES, ...SERVERS])
  for (const entry of entries()) {
    expect(isAlive(entry.pid), entry.name).toBe(true)
    expect(existsSync(entry.log), entry.log).toBe(true)
    expect(new URL(entry.url).port, entry.url).toBe(String(entry.port))
    expect(entry.restart).toBe('supervisor')
  }
  expect(entryOf('gateway')?.url).toBe(stack.url)
})

test.each(['wallet', 'worker', 'gateway', 'redis', 'postgres'])(
  '%s is started again after kill -9, and payments complete',
  async (name) => {
    const [payer, payee] = await Promise.all([
      Person.register(stack.url),
      Person.register(stack.url),
    ])
    const before = entryOf(name)
    const now = await killed(name)
    expect(now).toEqual({ ...before, pid: now.pid })
    expect(isAlive(now.pid)).toBe(true)
    expect(deaths.at(-1)).toBe(`${name} ended (SIGKILL); starting it again`)
    expect(await payer.pay(payee, 100)).toMatchObject({ status: 'COMPLETED' })
  },
)

test('mail tells both of a payment, and is still there after kill -9', async () => {
  const [payer, payee] = await Promise.all([Person.register(stack.url), Person.register(stack.url)])
  await payer.pay(payee, 100)
  const subjects = async ({ email }: Person) => {
    const answer = await fetch(`${stack.serviceUrl('mail')}/api/mails?to=${email}`)
    const { items } = (await answer.json()) as { items: { subject: string }[] }
    return items.map(({ subject }) => subject)
  }
  const told = async (one: Person, subject: string) =>
    await waitFor(async () => (await subjects(one)).includes(subject), { timeoutMs: 60_000 })
  await told(payer, 'Your payment has arrived')
  await told(payee, 'You have received money')
  await killed('mail')
  await told(payee, 'You have received money')
  await payee.pay(payer, 50)
  await told(payer, 'You have received money')
  expect((await subjects(payer)).toSorted()).toEqual([
    'You have received money',
    'Your payment has arrived',
  ])
})

test('stop leaves no process and no file behind', async () => {
  const pids = entries().flatMap(({ pid }) => processTree(pid))
  expect(pids.length).toBeGreaterThan(10)
  await stack.stop()
  await waitFor(() => pids.every((pid) => !isAlive(pid)), {
    message: () => `processes ${pids.filter(isAlive).join(', ')} to end`,
  })
  expect(existsSync(stack.dir)).toBe(false)
})
