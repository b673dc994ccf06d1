// The published crash kit, used as its users do: it passes a careful worker at every point, and
// finds one that does its work outside of the transaction.
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { crashAt, describeCrashes, failpoints } from '../src/testing/index.ts'
import type { CrashScenario } from '../src/testing/index.ts'
import type { CrashKitSettings } from './support/crash-kit-worker.ts'
import { NoteWritten } from './support/messages.ts'
import { createWorld, inTransaction } from './support/world.ts'

const file = fileURLToPath(new URL('support/crash-kit-worker.ts', import.meta.url))

async function begin(mode: CrashKitSettings['mode']): Promise<CrashScenario> {
  const world = await createWorld()
  const { exchange, queue, rabbitmqUrl, database } = world
  const bindings = [
    { queue, types: ['notes.written'] },
    { queue: `${queue}-filed`, types: ['notes.filed'] },
  ]
  const bus = world.bus({ topology: { exchange, bindings } })
  await bus.topology.apply()
  const settings: CrashKitSettings = {
    databaseUrl: database.url,
    rabbitmqUrl,
    exchange,
    queue,
    mode,
  }
  const filed = mode === 'two-step' ? 0 : 1
  return {
    start(env) {
      const { NODE_OPTIONS: _, ...rest } = process.env
      return spawn(process.execPath, ['--conditions=@payflow/source', file], {
        env: { ...rest, ...env, SETTINGS: JSON.stringify(settings) },
        stdio: 'inherit',
      })
    },
    act: () =>
      inTransaction(bus, world.db, (trx) =>
        bus.outbox(trx).publish(NoteWritten, { subject: 'tea', text: 'green' }),
      ),
    async done() {
      const [{ ready }, { pending }] = [await bus.queueDepth(queue), await bus.outboxDepth()]
      if (ready > 0 || pending > 0) return false
      return (await world.effects()).length > 0 && (await world.ready(`${queue}-filed`)) >= filed
    },
    check: async () => expect(await world.effects()).toEqual(['green']),
    async end() {
      await world.deleteQueues(`${queue}-filed`, [])
      await world.dispose()
    },
  }
}

const points = [...failpoints.oneStep, ...failpoints.relay, 'note.left']
describeCrashes('a worker', { points, begin: () => begin('one-step') }, { describe, it })
describeCrashes(
  'a worker that decides first',
  { points: ['consumer.decided', 'consumer.committed'], begin: () => begin('two-step') },
  { describe, it },
)

describe('crashAt', () => {
  it('finds an effect that is there twice', async () => {
    await expect(crashAt('note.left', await begin('careless'))).rejects.toThrow(/green/)
  })

  it('finds that a worker never gets to the point', async () => {
    const missed = crashAt('no.such.point', await begin('one-step'), { timeoutMs: 3_000 })
    await expect(missed).rejects.toThrow('the worker passes no.such.point')
  })

  it('finds a worker that ends by itself', async () => {
    const scenario = await begin('one-step')
    const broken = crashAt('note.left', {
      ...scenario,
      start: () => spawn(process.execPath, ['--eval', 'process.exit(3)']),
    })
    await expect(broken).rejects.toThrow('exit code 3 before it passed note.left')
  })
})
