// vitest global set-up: runs once per project in vitest's main process. The servers are started once per run
// and shared by all projects; the project called "unit" gets the seed only, and one whose name ends in
// "pg18" a PostgreSQL 18 and nothing else.
import { randomBytes } from 'node:crypto'
import type { TestProject } from 'vitest/node'
import { dropDatabasesOfRun } from './database.ts'
import type {} from './provided-context.ts'
import { drawSeed, parseSeed } from './seed.ts'
import { ensureServers } from './servers/find.ts'
import type { Server, ServerKind } from './servers/server.ts'
import { startPostgres, startRabbitmq, startRedis } from './servers/start.ts'
import { serversFromEnvironment, type SharedServers } from './shared-servers.ts'

interface Started {
  readonly urls: Partial<SharedServers>
  readonly own: readonly Server[]
}

interface Run {
  readonly runId: string
  readonly seed: number
  users: number
  /** What has been started, by which projects it is for. */
  readonly started: Map<'all' | 'pg18', Promise<Started>>
}

const slot = Symbol.for('@payflow/testkit.global-setup')
const holder = globalThis as { [slot]?: Run }

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const run = (holder[slot] ??= begin())
  run.users += 1
  const servers = await serversFor(run, project.name)
  project.provide('payflowRun', { runId: run.runId, seed: run.seed, servers })
  return () => teardown(run)
}

async function serversFor(run: Run, project: string): Promise<Started['urls'] | undefined> {
  if (project === 'unit') return undefined
  const kind = project.endsWith('pg18') ? 'pg18' : 'all'
  const started = run.started.get(kind) ?? (kind === 'all' ? startAll() : startPostgres18())
  run.started.set(kind, started)
  return (await started).urls
}

function begin(): Run {
  const seed = parseSeed(process.env['TEST_SEED']) ?? drawSeed()
  process.stdout.write(`seed ${seed} · replay with TEST_SEED=${seed} npm test\n`)
  return { runId: randomBytes(4).toString('hex'), seed, users: 0, started: new Map() }
}

async function startAll(): Promise<Started> {
  const given = serversFromEnvironment()
  const own: Server[] = []
  const begun = performance.now()
  const starters = {
    postgres: { given: given.postgresUrl, start: startPostgres },
    redis: { given: given.redisUrl, start: startRedis },
    rabbitmq: { given: given.rabbitmqUrl, start: startRabbitmq },
  }
  const kinds = Object.keys(starters) as ServerKind[]
  await ensureServers(kinds.filter((kind) => starters[kind].given === undefined))
  const start = async (kind: ServerKind): Promise<string> => {
    const { given: url, start: startServer } = starters[kind]
    if (url !== undefined) return url
    const server = await startServer()
    own.push(server)
    return server.url
  }
  const [postgresUrl, redisUrl, rabbitmqUrl] = await Promise.all([
    start('postgres'),
    start('redis'),
    start('rabbitmq'),
  ])
  const names = own.map((server) => `${server.kind} ${server.version}`)
  const others = kinds.length - own.length
  const seconds = ((performance.now() - begun) / 1_000).toFixed(1)
  const text = [...names, ...(others > 0 ? [`${others} given by the environment`] : [])].join(', ')
  process.stdout.write(`servers for tests: ${text} (${seconds} s)\n`)
  return { urls: { postgresUrl, redisUrl, rabbitmqUrl }, own }
}

/** The newest PostgreSQL that is supported, beside whichever the others use. */
async function startPostgres18(): Promise<Started> {
  const given = process.env['PAYFLOW_POSTGRES_18_URL']
  if (given) return { urls: { postgresUrl: given }, own: [] }
  const server = await startPostgres({ major: 18 })
  process.stdout.write(`servers for tests on PostgreSQL 18: postgres ${server.version}\n`)
  return { urls: { postgresUrl: server.url }, own: [server] }
}

async function teardown(run: Run): Promise<void> {
  run.users -= 1
  if (run.users > 0) return
  delete holder[slot]
  const all = await Promise.all(run.started.values())
  for (const { urls, own } of all) {
    // Databases on a server of our own go with it.
    if (urls.postgresUrl !== undefined && !own.some((server) => server.kind === 'postgres')) {
      await dropDatabasesOfRun(urls.postgresUrl, run.runId)
    }
  }
  await Promise.all(all.flatMap(({ own }) => own).map((server) => server.stop()))
}
