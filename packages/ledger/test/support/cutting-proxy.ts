import { connect, createServer, type Server, type Socket } from 'node:net'

/** A wire between `pg` and PostgreSQL that can be cut at the worst moment. */
export interface CuttingProxy {
  readonly url: string
  /** From now on: the next answer of the server is swallowed, and the connection cut. */
  cutNextAnswer(): void
  close(): Promise<void>
}

/** Listens on a free port of loopback in front of the server of `target`. */
export async function cuttingProxy(target: string): Promise<CuttingProxy> {
  const behind = new URL(target)
  const sockets = new Set<Socket>()
  let cutNext = false
  const server: Server = createServer((client) => {
    const upstream = connect(Number(behind.port), behind.hostname)
    sockets.add(client).add(upstream)
    const end = () => {
      client.destroy()
      upstream.destroy()
    }
    client.on('error', end).on('close', end)
    upstream.on('error', end).on('close', end)
    client.on('data', (bytes) => upstream.write(bytes))
    // What the server says about a statement it has already committed.
    upstream.on('data', (bytes) => (cutNext ? end() : client.write(bytes)))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  const url = new URL(target)
  url.port = String(port)
  return {
    url: url.href,
    cutNextAnswer() {
      cutNext = true
    },
    async close() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** An address that takes connections and never says a word, as behind a broken load balancer. */
export async function silentPort(): Promise<AsyncDisposable & { readonly url: string }> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => sockets.add(socket))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  return {
    url: `postgres://nobody@127.0.0.1:${port}/none`,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
