import { once } from 'node:events'
import net from 'node:net'
import type { AddressInfo } from 'node:net'
import { startRedis, waitFor } from '@payflow/testkit'
import type { Server } from '@payflow/testkit'
import { Redis } from 'ioredis'

/**
 * A Redis with a replica, behind one address as a proxy of a cloud provider gives it: who is the
 * primary changes, the address does not.
 */
export interface RedisPair extends AsyncDisposable {
  readonly url: string
  kill(): Promise<void>
  start(): Promise<void>
  flush(): Promise<void>
  /** From now on the primary's acknowledged writes do not reach the replica. */
  detach(): Promise<void>
  /** The primary dies and the replica takes over, without what it has missed. */
  failOver(): Promise<void>
}

export async function openRedisPair(): Promise<RedisPair> {
  let [primary, replica] = await Promise.all([startRedis(), startRedis()])
  const board = await switchboard(() => primary.port)
  await follow(replica, primary)
  return {
    url: board.url,
    async kill() {
      await primary.kill()
      board.hangUp()
    },
    start: () => primary.start(),
    flush: () => command(primary, 'FLUSHALL'),
    detach: () => command(replica, 'REPLICAOF', 'NO', 'ONE'),
    async failOver() {
      await primary.kill()
      ;[primary, replica] = [replica, primary]
      board.hangUp()
      await replica.start()
      await follow(replica, primary)
    },
    async [Symbol.asyncDispose]() {
      await board.close()
      await Promise.all([primary.stop(), replica.stop()])
    },
  }
}

/** Makes it a replica, and waits until it has everything. */
async function follow(replica: Server, primary: Server): Promise<void> {
  await command(replica, 'REPLICAOF', '127.0.0.1', String(primary.port))
  const client = quick(replica)
  try {
    const isLinked = async (): Promise<boolean> =>
      /master_link_status:up/.test(await client.info('replication'))
    await waitFor(isLinked, { timeoutMs: 60_000 })
  } finally {
    client.disconnect()
  }
}

async function command(server: Server, name: string, ...args: string[]): Promise<void> {
  const client = quick(server)
  try {
    await client.call(name, ...args)
  } finally {
    client.disconnect()
  }
}

function quick(server: Server): Redis {
  const client = new Redis(server.url)
  client.on('error', () => undefined)
  return client
}

interface Switchboard {
  readonly url: string
  hangUp(): void
  close(): Promise<void>
}

/** Connects whoever calls with the port of the moment. */
async function switchboard(port: () => number): Promise<Switchboard> {
  const sockets = new Set<net.Socket>()
  const hangUp = (): void => {
    for (const socket of sockets) socket.destroy()
  }
  const server = net.createServer((caller) => {
    const upstream = net.connect(port(), '127.0.0.1')
    for (const socket of [caller, upstream]) {
      sockets.add(socket)
      socket.on('error', () => undefined)
      socket.on('close', () => {
        sockets.delete(socket)
        caller.destroy()
        upstream.destroy()
      })
    }
    caller.pipe(upstream).pipe(caller)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `redis://127.0.0.1:${(server.address() as AddressInfo).port}`,
    hangUp,
    async close() {
      hangUp()
      server.close()
      await once(server, 'close')
    },
  }
}
