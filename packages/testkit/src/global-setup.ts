// vitest global set-up: runs once per project in vitest's main process. The servers are started once per run
// and shared by all projects; the project called "unit" gets the seed only.
import { randomBytes } from 'node:crypto'
import type { TestProject } from 'vitest/node'
import { dropDatabasesOfRun } from './database.ts'
import type {} from './provided-context.ts'
import { drawSeed, parseSeed } from './seed.ts'
import { ensureServers } from './servers/find.ts'
import type { Server, ServerKind } from './servers/server.ts'
import { startPostgres, startRabbitmq, startRedis } from './servers/start.ts'
import { serversFromEnvironment, type SharedServers } from './shared-servers.ts'

interface Run {
  readonly runId: string
  readonly seed: number
  users: number
  servers: Promise<{ urls: SharedServers; own: Server[] }> | undefined
}

const slot = Symbol.for('@payflow/testkit.global-setup')
const holder = globalThis as { [slot]?: Run }

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const run = (holder[slot] ??= begin())
  run.users += 1
  const needsServers = project.name !== 'unit'
  if (needsServers) run.servers ??= startAll()
  const servers = needsServers ? (await run.servers)?.urls : undefined
  project.provide('payflowRun', { runId: run.runId, seed: run.seed, servers })
  return () => teardown(run)
}

function begin(): Run {
  const seed = parseSeed(process.env['TEST_SEED']) ?? drawSeed()
  process.stdout.write(`seed ${seed} · replay with TEST_SEED=${seed} npm test\n`)
  return { runId: randomBytes(4).toString('hex'), seed, users: 0, servers: undefined }
}

async function startAll(): Promise<{ urls: SharedServers; own: Server[] }> {
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

async function teardown(run: Run): Promise<void> {
  run.users -= 1
  if (run.users > 0 || run.servers === undefined) return
  const { urls, own } = await run.servers
  run.servers = undefined
  delete holder[slot]
  // Databases on a server of our own go with it.
  if (!own.some((server) => server.kind === 'postgres')) {
    await dropDatabasesOfRun(urls.postgresUrl, run.runId)
  }
  await Promise.all(own.map((server) => server.stop()))
}
