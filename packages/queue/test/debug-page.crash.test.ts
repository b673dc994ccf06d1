/*
 * Goal: what docs/how-to-debug-this-system.md tells people to look at is there to be seen.
 * Method: each `stage` comment of the page sets something up on a broker and a database of its own;
 * each `sql` and `sh` block is run, and the `text` block behind it is what it has to print, where …
 * stands for anything.
 */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { freePort, spawnChild, startRabbitmq, temporaryFolder, waitFor } from '@payflow/testkit'
import type { Server } from '@payflow/testkit'
import type { Bus } from '../src/index.ts'
import { NoteFiled, NoteWritten } from './support/messages.ts'
import { rabbitmqctl } from './support/rabbitmqctl.ts'
import { spawnWorker } from './support/spawn-worker.ts'
import { createWorld, inTransaction, leaveEffect, World } from './support/world.ts'

const page = readFileSync(
  new URL('../../../docs/how-to-debug-this-system.md', import.meta.url),
  'utf8',
)

/** A world with the names of the page. */
class Notebook extends World {
  override readonly exchange = 'notebook'
  override readonly queue = 'notes'
}

const home = temporaryFolder('debug-page')
let epmdPort: number
let broker: Server
let world: World
let bus: Bus
let worker: Bus
beforeAll(async () => {
  epmdPort = await freePort()
  broker = await startRabbitmq({ dataDir: home, epmdPort })
  const { database } = await createWorld({ rabbitmqUrl: broker.url })
  world = new Notebook(database, broker.url)
  const topology = {
    exchange: 'notebook',
    bindings: [{ queue: 'notes', types: ['notes.written'] }],
  }
  bus = world.bus({ topology })
  await bus.topology.apply()
})
afterAll(async () => {
  await world?.dispose()
  await broker?.stop()
})

const stages: Record<string, () => Promise<void>> = {
  async 'killed before the ack'() {
    const victim = await spawnWorker(world, { consume: 'one-step' })
    await victim.arm('consumer.committed', 'kill')
    await bus.publish(NoteWritten, { subject: 'shop', text: 'bought a kettle' }, { id: 'note-1' })
    await victim.exited
    await waitFor(async () => (await world.ready()) === 1, { timeoutMs: 30_000 })
  },

  async 'the next worker'() {
    worker = await consume([50])
    await waitFor(() => world.eventsOf('message.duplicate').length > 0, { timeoutMs: 30_000 })
    await waitFor(async () => (await bus.queueDepth('notes')).ready === 0)
  },

  async 'a handler that fails'() {
    await worker.drain()
    worker = await consume([60_000])
    await bus.publish(NoteWritten, { subject: 'shop', text: 'fail' }, { id: 'note-2' })
    await waitFor(() => world.eventsOf('message.retried').length > 0, { timeoutMs: 30_000 })
    // The queue of the first stages, which no consumer declares any more.
    await (await world.channel()).deleteQueue('notes.wait.50')
  },

  async 'a body that breaks its schema'() {
    await worker.drain()
    await world.send('notes', '{"subject":""}', {
      messageId: 'note-5',
      type: 'notes.written',
      contentType: 'application/json',
      headers: { 'cloudEvents:time': new Date().toISOString() }, // young enough to be sent back
    })
    worker = await consume([60_000])
    await waitFor(async () => (await world.ready('notes.parked')) === 1, { timeoutMs: 30_000 })
  },

  async 'a row nobody wants'() {
    bus.relay().start()
    await inTransaction(bus, world.db, (trx) =>
      bus.outbox(trx).publish(NoteFiled, { subject: 'shop', text: 'unread' }, { id: 'note-3' }),
    )
    await waitFor(() => world.eventsOf('relay.refused').length > 0, { timeoutMs: 30_000 })
    await waitFor(
      async () => (await select('select 1 from queue.outbox where attempts = 1')) !== '',
    )
  },
}

async function consume(delaysMs: number[]): Promise<Bus> {
  const own = world.bus()
  const options = { name: 'notes', queue: 'notes', messages: [NoteWritten], retry: { delaysMs } }
  const consumer = own.consumer(options).handle(NoteWritten, async (message, { trx }) => {
    if (message.data.text === 'fail') throw new Error('the printer is on fire')
    await leaveEffect(trx, message.id, message.data.text)
  })
  await consumer.start()
  return own
}

interface Step {
  readonly kind: 'stage' | 'sql' | 'sh' | 'events'
  readonly text: string
  readonly output: string
}

function stepsOf(markdown: string): Step[] {
  const parts = markdown.matchAll(
    /^<!-- (?<mark>stage|output): (?<name>.+?) -->$|^```(?<kind>sh|sql)\n(?<code>[\s\S]*?)^```$/gm,
  )
  return [...parts].map(({ 0: whole, index, groups = {} }) => {
    const rest = markdown.slice(index + whole.length)
    const output = /^\s*```text\n([\s\S]*?)^```$/m.exec(rest)
    const follows = output !== null && output.index === 0 ? (output[1] ?? '') : ''
    if (groups['mark'] === 'stage') return { kind: 'stage', text: groups['name'] ?? '', output: '' }
    if (groups['mark'] === 'output') return { kind: 'events', text: '', output: follows }
    return { kind: groups['kind'] as 'sh' | 'sql', text: groups['code'] ?? '', output: follows }
  })
}

async function select(query: string): Promise<string> {
  const { rows } = await sql.raw<Record<string, unknown>>(query).execute(world.db)
  const [first] = rows
  if (first === undefined) return ''
  const lines = [Object.keys(first), ...rows.map((row) => Object.values(row).map(String))]
  return lines.map((cells) => cells.join('  ')).join('\n')
}

async function printed({ kind, text }: Step): Promise<string | undefined> {
  if (kind === 'sql') return await select(text)
  if (kind === 'events')
    return JSON.stringify(world.events.findLast(({ type }) => type.startsWith('message')))
  const [tool, ...args] = text.trim().split(' ')
  if (tool === 'npx') return await payflowQueue(args.slice(1))
  expect(tool).toBe('rabbitmqctl')
  const output = await rabbitmqctl(broker, { home, epmdPort }, args)
  const [head = '', ...rows] = output?.trim().split('\n') ?? []
  return output === undefined ? undefined : [head, ...rows.toSorted()].join('\n')
}

/** The command, with the bus of this world for whatever module the page names. */
async function payflowQueue(args: string[]): Promise<string> {
  const config = fileURLToPath(new URL('support/cli-config.ts', import.meta.url))
  await using child = await spawnChild(new URL('../src/bin.ts', import.meta.url), {
    args: [...args.map((arg) => (arg === 'queue.config.js' ? config : arg)), '--text'],
    env: {
      DATABASE_URL: world.database.url,
      RABBITMQ_URL: broker.url,
      EXCHANGE: 'notebook',
      QUEUE: 'notes',
    },
  })
  await child.exited
  return child.stdout() + child.stderr()
}

/** Spaces are layout. */
function pattern(output: string): RegExp {
  const words = output.trim().split(/\s+/)
  const escaped = words.map((word) =>
    word.replaceAll(/[$()*+.?[\\\]^{|}]/g, String.raw`\$&`).replaceAll('…', '.+'),
  )
  return new RegExp(`^${escaped.join(String.raw`\s+`)}$`, 's')
}

describe('docs/how-to-debug-this-system.md', () => {
  it('shows what is there after QUEUE-02, a failed attempt and an unroutable row', async () => {
    const steps = stepsOf(page)
    expect(steps.filter(({ kind }) => kind === 'stage').map(({ text }) => text)).toEqual(
      Object.keys(stages),
    )
    for (const step of steps) {
      if (step.kind === 'stage') await stages[step.text]?.()
      else {
        // The broker counts messages a moment after it has answered.
        let last: string | undefined
        const matches = async () => {
          last = await printed(step)
          return last === undefined || pattern(step.output).test(last.trim())
        }
        const message = () => `${step.text}to print\n${step.output}instead of\n${last}`
        await waitFor(matches, { message, timeoutMs: 30_000 })
      }
    }
  })
})
