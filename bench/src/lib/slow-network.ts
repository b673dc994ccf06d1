import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'

/** A way to a server on this machine that takes as long as a real network. */
export interface SlowNetwork {
  readonly port: number
  close(): Promise<void>
}

/**
 * A relay in a thread of its own that passes on what a client sends `delayMs` later, and what the
 * server answers at once: a round trip takes `delayMs` longer than loopback.
 */
export async function openSlowNetwork(port: number, delayMs: number): Promise<SlowNetwork> {
  const worker = new Worker(new URL(import.meta.url), { workerData: { port, delayMs } })
  const [opened] = (await once(worker, 'message')) as [number]
  return {
    port: opened,
    close: async () => {
      await worker.terminate()
    },
  }
}

function relay({ port, delayMs }: { port: number; delayMs: number }): Server {
  return createServer({ noDelay: true }, (client) => {
    const server = connect({ port, host: '127.0.0.1', noDelay: true })
    const drop = (other: Socket) => () => other.destroy()
    client.on('data', (data) => {
      setTimeout(() => server.write(data), delayMs)
    })
    server.on('data', (data) => client.write(data))
    client.on('error', drop(server)).on('close', drop(server))
    server.on('error', drop(client)).on('close', drop(client))
  })
}

if (!isMainThread) {
  const server = relay(workerData as { port: number; delayMs: number })
  server.listen(0, '127.0.0.1', () => {
    const address = server.address()
    parentPort?.postMessage(typeof address === 'object' ? address?.port : undefined)
  })
}
