import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/** Stands before Redis, and can lose an answer or the whole network. */
export interface Proxy {
  readonly url: string
  /** The next answer does not come back, and its connection is cut: the server has done its part. */
  loseNextAnswer(): Promise<void>
  /** Nothing goes through, and nobody can connect, until {@link heal}. */
  cut(): void
  heal(): void
  close(): Promise<void>
}

export async function openProxy(serverPort: number): Promise<Proxy> {
  const sockets = new Set<Socket>()
  let lost: (() => void) | undefined
  let isCut = false
  const dropAll = (): void => {
    for (const socket of sockets) socket.destroy()
  }
  const server = createServer({ noDelay: true }, (client) => {
    if (isCut) return void client.destroy()
    const upstream = connect({ port: serverPort, host: '127.0.0.1', noDelay: true })
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      socket.on('error', () => undefined)
      socket.on('close', () => {
        sockets.delete(socket)
        client.destroy()
        upstream.destroy()
      })
    }
    client.on('data', (data) => upstream.write(data))
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
    cut() {
      isCut = true
      dropAll()
    },
    heal() {
      isCut = false
    },
    async close() {
      dropAll()
      server.close()
      await once(server, 'close')
    },
  }
}
