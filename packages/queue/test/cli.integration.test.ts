// The command as a process of its own on real servers, and its command line with modules that need none.
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { sql } from 'kysely'
import { spawnChild, waitFor } from '@payflow/testkit'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { runCli } from '../src/cli/index.ts'
import type { CliContext } from '../src/cli/index.ts'
import { deadLetter } from '../src/index.ts'
import type { Bus } from '../src/index.ts'
import { NoteFiled, NoteWritten } from './support/messages.ts'
import { createWorld, inTransaction, leaveEffect } from './support/world.ts'
import type { World } from './support/world.ts'

const config = fileURLToPath(new URL('support/cli-config.ts', import.meta.url))

describe('payflow-queue', () => {
  let world: World
  let bus: Bus
  let broken: boolean
  beforeEach(async () => {
    world = await createWorld()
    broken = true
    bus = world.bus()
    await bus
      .consumer({
        name: 'notes',
        queue: world.queue,
        messages: [NoteWritten],
        retry: { delaysMs: [50] },
      })
      .handle(NoteWritten, async (message, { trx }) => {
        if (broken) throw deadLetter('broken')
        await leaveEffect(trx, message.id, message.data.text)
      })
      .start()
    await bus.topology.apply()
  })
  afterEach(async () => {
    await world.dispose()
  })

  async function run(...args: string[]) {
    await using child = await spawnChild(new URL('../src/bin.ts', import.meta.url), {
      args: ['--config', config, ...args],
      env: {
        DATABASE_URL: world.database.url,
        RABBITMQ_URL: world.rabbitmqUrl,
        EXCHANGE: world.exchange,
        QUEUE: world.queue,
      },
    })
    const { code } = await child.exited
    return { code, out: child.stdout().trim(), err: child.stderr() }
  }

  it('shows what was parked and sends it back, signed', async () => {
    for (const id of ['m-1', 'm-2', 'm-3']) {
      await bus.publish(NoteWritten, { subject: 'a', text: `secret ${id}` }, { id })
    }
    await waitFor(async () => (await world.ready(`${world.queue}.parked`)) === 3)
    const depth = await run('depth', '--text')
    expect(depth.out).toMatch(new RegExp(`${world.queue}\\.parked +3 +0`))
    expect(depth.out).toContain('outbox: 0 pending; 0 parked')
    const listed = await run('parked', 'list', world.queue, '--limit', '2')
    const lines = listed.out.split('\n').map((line) => JSON.parse(line) as object)
    expect(lines).toMatchObject([{ reason: 'broken' }, { reason: 'broken' }])
    const shown = await run('parked', 'inspect', world.queue, 'm-2', '--text')
    expect(shown.out).toContain('payflow-reason: broken')
    expect(shown.out).not.toContain('secret')
    expect((await run('parked', 'inspect', world.queue, 'm-2', '--body', '--text')).out).toContain(
      'secret m-2',
    )
    expect((await run('parked', 'inspect', world.queue, 'm-9')).code).toBe(4)

    const signed = ['--reason', 'repaired', '--actor', 'ada']
    const unasked = await run('parked', 'redrive', world.queue, ...signed)
    expect(unasked).toMatchObject({ code: 2, err: expect.stringContaining('--yes') })
    const dry = await run('parked', 'redrive', world.queue, '--dry-run', '--parked-as', 'broken')
    expect(JSON.parse(dry.out)).toMatchObject({ moved: 3, outcome: 'done' })
    broken = false
    const some = ['--id', 'm-1', '--id', 'm-3', '--rate-per-s', '100']
    const done = await run('parked', 'redrive', world.queue, ...signed, ...some, '--yes', '--text')
    expect(done.out).toMatch(/^2 sent back \(broken 2\)\naudit: operator_action \d+$/)
    expect(done.code).toBe(0)
    expect((await world.waitForEffects(2)).toSorted()).toEqual(['secret m-1', 'secret m-3'])
  })

  it('tells by its exit code that messages were left or accounts differ, and what a plan holds', async () => {
    await world.send(`${world.queue}.parked`, '{}', { messageId: 'ageless' })
    await waitFor(async () => (await world.ready(`${world.queue}.parked`)) === 1)
    const signed = ['--reason', 'r', '--actor', 'a', '--yes', '--text']
    const refused = await run('parked', 'redrive', world.queue, ...signed)
    expect(refused).toMatchObject({
      code: 3,
      out: expect.stringContaining('1 left: the inbox may'),
    })
    const plan = await run('topology', 'plan', '--text')
    expect(plan).toMatchObject({ code: 0, out: expect.stringMatching(/^= +ok +queue /m) })
    expect(await run('topology', 'apply', '--text')).toMatchObject({ code: 0, out: 'applied' })
    expect(await run('reconcile', '--text')).toMatchObject({
      code: 0,
      out: expect.stringMatching(/balanced$/),
    })
    await inTransaction(bus, world.db, (trx) =>
      bus.outbox(trx).publish(NoteFiled, { subject: 'a', text: 'lost' }),
    )
    await sql`delete from queue.outbox`.execute(world.db)
    expect(await run('reconcile', '--text')).toMatchObject({
      code: 5,
      out: expect.stringContaining('outbox-lost: 1 rows were deleted'),
    })
    expect(JSON.parse((await run('sweep')).out)).toMatchObject({ inboxRows: 0 })
  })

  it('shows rows the broker refused, and gives them back', async () => {
    bus.relay({ pollMs: 20, maxAttempts: 1 }).start()
    const { id } = await inTransaction(bus, world.db, (trx) =>
      bus.outbox(trx).publish(NoteFiled, { subject: 'a', text: 'x' }),
    )
    await waitFor(async () => (await bus.outboxDepth()).parked === 1)
    expect(JSON.parse((await run('outbox', 'parked')).out)).toMatchObject({ id, attempts: 1 })
    await bus.drain()
    const signed = ['--reason', 'bound', '--actor', 'ada', '--yes']
    expect(await run('outbox', 'requeue', ...signed)).toMatchObject({ code: 0, out: '{"moved":1}' })
    const other = world.bus()
    expect(await other.outboxDepth()).toMatchObject({ pending: 1, parked: 0 })
  })
})

describe('runCli', () => {
  let folder: string
  let number = 0
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'payflow-queue-'))
  })
  afterAll(() => rm(folder, { recursive: true }))

  async function cli(args: readonly string[], context: CliContext = {}) {
    const lines: string[] = []
    const add = (line: string) => void lines.push(line)
    const code = await runCli(args, { print: add, complain: add, ...context })
    return { code, text: lines.join('\n') }
  }
  async function configModule(source: string): Promise<string> {
    const path = join(folder, `config-${(number += 1)}.mjs`)
    await writeFile(path, source)
    return path
  }

  it.each([
    [[], 'expected depth, parked list'],
    [['parked'], 'not parked'],
    [['drop'], 'not drop'],
    [['depth'], '--config <module> is missing'],
    [['parked', 'list', '--config', 'c'], 'parked list takes <queue>'],
    [['parked', 'inspect', 'q', '--config', 'c'], 'takes <queue> <id>'],
    [['reconcile', 'q', '--config', 'c'], 'takes nothing more'],
    [['depth', '--force', '--config', 'c'], '--force does not belong to depth'],
    [['parked', 'list', 'q', '--limit', 'x', '--config', 'c'], '--limit must be a number'],
    [['parked', 'redrive', 'q', '--config', 'c', '--actor', 'me'], '--reason <text> is missing'],
    [['outbox', 'requeue', '--config', 'c', '--reason', 'r'], '--actor <name> is missing'],
    [['depth', '--json', '--text', '--config', 'c'], 'exclude each other'],
    [['depth', '--what'], "Unknown option '--what'"],
  ])('refuses %j with 2, and prints how it is used', async (args, text) => {
    const { code, text: said } = await cli(args)
    expect(code).toBe(2)
    expect(said).toContain(text)
    expect(said).toContain('Exit codes')
  })

  it('prints its usage when asked, with 0', async () => {
    const help = await cli(['--help'])
    expect(help).toMatchObject({ code: 0, text: expect.stringContaining('--json') })
  })

  it('tells a wrong config module from servers that are down', async () => {
    const wrong = await configModule('export default 1')
    expect((await cli(['depth', '--config', wrong])).code).toBe(2)
    expect((await cli(['depth', '--config', join(folder, 'missing.mjs')])).code).toBe(2)
    const down = await configModule(`
      const bus = {
        parked() {}, reconcile() {}, drain() {},
        async outboxDepth() {
          throw Object.assign(new Error('connect ECONNREFUSED 127.0.0.1:1'), { code: 'ECONNREFUSED' })
        },
        topology: { plan: async () => ({ steps: [] }) },
      }
      export default { bus, close() { throw new Error('too late') } }`)
    const { code, text } = await cli(['depth', '--config', down])
    expect(code).toBe(1)
    expect(text).toContain("the database can't be reached: connect ECONNREFUSED 127.0.0.1:1")
    expect(text).toContain('closing failed: too late')
  })

  it('asks before it sends back, and changes nothing when the answer is no', async () => {
    const asking = await configModule(`
      const result = { outcome: 'done', moved: 7, refused: 2, parkedAgain: 0, reasons: {} }
      const redrive = async ({ dryRun }) => {
        if (!dryRun) await globalThis.payflowQueueProgress.promise
        return dryRun ? result : { ...result, refused: 0, redriveId: '1' }
      }
      export default () => ({ parked: () => ({ redrive }), reconcile() {}, drain() {} })`)
    const args = ['parked', 'redrive', 'q', '--config', asking, '--reason', 'r', '--actor', 'a']
    const questions: string[] = []
    const answering = (answer: boolean): CliContext => ({
      terminal: true,
      confirm: async (question) => {
        questions.push(question)
        return answer
      },
    })
    expect(await cli(args, answering(false))).toEqual({
      code: 3,
      text: 'payflow-queue: nothing was changed',
    })
    expect(questions).toEqual([
      'Send 7 messages back into q, leaving 2 the inbox may have forgotten?',
    ])
    const progress = Promise.withResolvers<void>()
    Object.assign(globalThis, { payflowQueueProgress: progress })
    const said: string[] = []
    const complain = (line: string): void => {
      said.push(line)
      progress.resolve()
    }
    const yes = await cli(args, { ...answering(true), complain })
    expect(yes.code).toBe(0)
    // It took more than two seconds, so it said that it goes on.
    expect(said).toEqual(['… 0 sent back, 0 parked again (2 s)'])
    expect(yes.text).toMatch(/^7 sent back\n/)
  })
})
