import { once } from 'node:events'
import net from 'node:net'
import type { AddressInfo } from 'node:net'

/** Stands between a client and a real server, and can lose an answer on its way back. */
export interface SeveringProxy extends AsyncDisposable {
  readonly url: string
  /** The next answer is dropped and its connection cut: the server has done what it was asked. */
  loseNextAnswer(): Promise<void>
}

export async function severingProxy(serverUrl: string): Promise<SeveringProxy> {
  const target = new URL(serverUrl)
  const sockets = new Set<net.Socket>()
  let lost: (() => void) | undefined
  const server = net.createServer((client) => {
    const upstream = net.connect(Number(target.port), target.hostname)
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      socket.on('error', () => undefined)
      socket.on('close', () => {
        sockets.delete(socket)
        client.destroy()
        upstream.destroy()
      })
    }
    client.pipe(upstream)
    upstream.on('data', (answer) => {
      if (lost === undefined) return void client.write(answer)
      client.destroy()
      lost()
      lost = undefined
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `redis://127.0.0.1:${(server.address() as AddressInfo).port}`,
    loseNextAnswer() {
      const { promise, resolve } = Promise.withResolvers<void>()
      lost = resolve
      return promise
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}
