// Goal: a private server can be killed, frozen and started again on the same port and data, and leaves
// nothing behind, not even when the process that owns it is killed.
// Method: write through a fresh connection, mistreat the server, read through another one.
import { existsSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { connect } from 'amqplib'
import { Redis } from 'ioredis'
import pg from 'pg'
import { describe, expect, test } from 'vitest'
import { findEmbeddedPostgres } from '../src/servers/embedded-postgres.ts'
import { ProcessServer } from '../src/servers/process-server.ts'
import { findPostgres, postgresRecipe } from '../src/servers/postgres.ts'
import {
  freePort,
  isAlive,
  pingPostgres,
  pingRabbitmq,
  pingRedis,
  processTree,
  spawnChild,
  startPostgres,
  startRabbitmq,
  startRedis,
  temporaryFolder,
  waitFor,
  type Server,
} from '../src/index.ts'

async function query(url: string, text: string): Promise<pg.QueryResult> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return await client.query(text)
  } finally {
    await client.end()
  }
}

/** Connections that the end of the server ends; closing them again is allowed. */
async function openConnections(url: string, connections: number) {
  const clients = Array.from(
    { length: connections },
    () => new pg.Client({ connectionString: url }),
  )
  for (const client of clients) client.on('error', () => undefined)
  await Promise.all(clients.map((client) => client.connect()))
  return {
    connections,
    async [Symbol.asyncDispose]() {
      await Promise.allSettled(clients.map((client) => client.end()))
    },
  }
}

async function redis<T>(url: string, work: (client: Redis) => Promise<T>): Promise<T> {
  const client = new Redis(url, { lazyConnect: true })
  await client.connect()
  try {
    return await work(client)
  } finally {
    client.disconnect()
  }
}

async function killedAndStarted(server: Server): Promise<void> {
  const { pid, port } = server
  const tree = processTree(pid)
  await server.kill()
  expect((await server.exited).code).toBeNull()
  await waitFor(() => tree.every((id) => !isAlive(id)), { message: 'its processes to be gone' })
  await server.start()
  expect(server.port).toBe(port)
  expect(server.pid).not.toBe(pid)
}

describe('startPostgres', () => {
  test('keeps what was committed when it is killed, and its port', async () => {
    await using server = await startPostgres()
    await query(server.url, 'CREATE TABLE kept AS SELECT 7 AS n')
    await killedAndStarted(server)
    expect((await query(server.url, 'SELECT n FROM kept')).rows).toEqual([{ n: 7 }])
  })

  test('starts again at once although only its main process was killed, from outside', async () => {
    await using server = await startPostgres()
    await using pool = await openConnections(server.url, 20)
    process.kill(server.pid, 'SIGKILL')
    await server.exited
    await server.start()
    expect((await query(server.url, 'SELECT 1 AS n')).rows).toEqual([{ n: 1 }])
    expect(pool.connections).toBe(20)
  })

  test('can be stopped while it starts', async () => {
    const binaries = findPostgres() ?? findEmbeddedPostgres()
    const folder = temporaryFolder('early-end')
    const server = new ProcessServer(
      postgresRecipe({ binaries: binaries!, dataDir: `${folder}/data`, port: await freePort() }),
      { name: 'early', log: `${folder}/log`, startTimeoutMs: 60_000, temporaryFolder: folder },
    )
    const [start] = await Promise.allSettled([server.start(), server.stop()])
    expect(start).toMatchObject({
      reason: {
        code: 'TESTKIT_SERVER_START_FAILED',
        message: expect.stringContaining('did not start'),
      },
    })
    expect(server.pid).toBe(0)
    expect(existsSync(folder)).toBe(false)
  })

  test('answers nothing while it is frozen and goes on when resumed', async () => {
    await using server = await startPostgres()
    server.freeze()
    await expect(pingPostgres(server.url)).rejects.toThrow(/timeout/i)
    server.resume()
    await pingPostgres(server.url)
  })

  test('starts again on a given folder and port, asking for the password', async () => {
    const folder = temporaryFolder('test')
    const options = { dataDir: `${folder}/data`, port: await freePort(), password: 'p:w/d' }
    const first = await startPostgres(options)
    await query(first.url, 'CREATE TABLE kept AS SELECT 1 AS n')
    await first.stop()
    await using second = await startPostgres(options)
    expect((await query(second.url, 'SELECT n FROM kept')).rows).toEqual([{ n: 1 }])
    const url = new URL(second.url)
    url.password = 'wrong'
    await expect(pingPostgres(url.href)).rejects.toThrow(/password/)
  })

  test('removes its temporary data at the end', async () => {
    const server = await startPostgres()
    const folder = dirname(server.log)
    expect(existsSync(folder)).toBe(true)
    await server.stop()
    expect(existsSync(folder)).toBe(false)
  })

  test('says what the server said when it can not start', async () => {
    const start = startPostgres({ settings: { shared_buffers: 'many' }, startTimeoutMs: 20_000 })
    await expect(start).rejects.toThrow(/shared_buffers/)
  })

  test('names the port that is taken', async () => {
    await using first = await startRedis()
    await expect(startPostgres({ port: first.port })).rejects.toThrow(
      `port ${first.port} for postgres is taken`,
    )
  })
})

describe('findEmbeddedPostgres', () => {
  test("runs PostgreSQL from npm's package", async () => {
    const binaries = findEmbeddedPostgres()
    expect(binaries?.version).toMatch(/^\d+\./)
    const folder = temporaryFolder('embedded')
    const recipe = postgresRecipe({
      binaries: binaries!,
      dataDir: `${folder}/data`,
      port: await freePort(),
    })
    await using server = new ProcessServer(recipe, {
      name: 'embedded',
      log: `${folder}/log`,
      startTimeoutMs: 60_000,
      temporaryFolder: folder,
    })
    await server.start()
    const { rows } = await query(server.url, 'SHOW server_version')
    expect(rows[0].server_version).toContain(binaries?.version)
  })
})

describe('startRedis', () => {
  test('keeps what it answered when it is killed', async () => {
    await using server = await startRedis({ password: 's/e:cret' })
    await redis(server.url, (client) => client.set('kept', '7'))
    await killedAndStarted(server)
    expect(await redis(server.url, (client) => client.get('kept'))).toBe('7')
  })

  test('answers nothing while it is frozen', async () => {
    await using server = await startRedis()
    server.freeze()
    await expect(pingRedis(server.url)).rejects.toThrow(/timed out|ETIMEDOUT|closed/)
    server.resume()
    await pingRedis(server.url)
  })
})

describe('startRabbitmq', () => {
  test('keeps a confirmed message when it is killed, and stops with its epmd', async () => {
    const dataDir = join(temporaryFolder('rabbitmq'), 'data')
    const options = { dataDir, user: 'payflow', password: 'a b/c' }
    await using server = await startRabbitmq(options)
    const registry = join(dataDir, 'mnesia/payflow@localhost/quorum/payflow@localhost/names.dets')
    const emptySize = statSync(registry).size
    const queue = 'kept'
    const model = await connect(server.url)
    model.on('error', () => undefined)
    const channel = await model.createConfirmChannel()
    channel.on('error', () => undefined)
    await channel.assertQueue(queue, { arguments: { 'x-queue-type': 'quorum' } })
    channel.sendToQueue(queue, Buffer.from('7'), { persistent: true })
    await channel.waitForConfirms()
    await model.close()
    // RabbitMQ 3.10 writes the registry of quorum queues up to a second after the declaration was answered;
    // killed before that, the queue comes back without a leader, for ever. Not what is tested here.
    await waitFor(() => statSync(registry).size > emptySize, { message: 'the registry' })
    await killedAndStarted(server)
    const again = await connect(server.url)
    const reader = await again.createChannel()
    const message = await waitFor(() => reader.get(queue))
    expect(message && message.content.toString()).toBe('7')
    await again.close()
    const tree = processTree(server.pid)
    await server.stop()
    await waitFor(() => tree.every((pid) => !isAlive(pid)))
    await expect(pingRabbitmq(server.url)).rejects.toThrow(/ECONNREFUSED/)
  })
})

describe('guardian', () => {
  test('ends servers and removes their data when their owner is killed', async () => {
    const owner = await spawnChild(new URL('server-owner.ts', import.meta.url))
    const owned = await owner.message<{ pids: number[]; folders: string[] }>(
      (message) => 'pids' in message,
      { timeoutMs: 60_000 },
    )
    expect(owned.pids.every(isAlive)).toBe(true)
    await owner.kill('SIGKILL')
    await waitFor(() => owned.pids.every((pid) => !isAlive(pid)), { timeoutMs: 60_000 })
    await waitFor(() => owned.folders.every((folder) => !existsSync(folder)), { timeoutMs: 60_000 })
  })
})
