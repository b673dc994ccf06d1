import { once } from 'node:events'
import net from 'node:net'
import type { AddressInfo } from 'node:net'

/** Stands between a client and a real server; a round trip takes `delayMs` longer. */
export interface DelayingProxy extends AsyncDisposable {
  readonly url: string
  /**
   * Round trips so far: how often the client sent something while no answer was due. What it sends
   * without waiting for an answer goes along in one.
   */
  roundTrips(): number
}

export async function delayingProxy(serverUrl: string, delayMs: number): Promise<DelayingProxy> {
  const target = new URL(serverUrl)
  const sockets = new Set<net.Socket>()
  let trips = 0
  const server = net.createServer({ noDelay: true }, (client) => {
    const upstream = net.connect({
      port: Number(target.port),
      host: target.hostname,
      noDelay: true,
    })
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      socket.on('error', () => undefined)
      socket.on('close', () => {
        sockets.delete(socket)
        client.destroy()
        upstream.destroy()
      })
    }
    let isAnswerDue = false
    client.on('data', (command) => {
      if (!isAnswerDue) trips += 1
      isAnswerDue = true
      setTimeout(() => upstream.write(command), delayMs)
    })
    upstream.on('data', (answer) => {
      isAnswerDue = false
      client.write(answer)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `redis://127.0.0.1:${(server.address() as AddressInfo).port}`,
    roundTrips: () => trips,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}
