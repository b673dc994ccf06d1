import { connect, createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'

// Class and method of what the broker says: confirms are on; it closes the connection.
const SELECT_OK = Buffer.from([0, 85, 0, 11])
const CONNECTION_CLOSE = Buffer.from([0, 10, 0, 50])
/** `tx.select` on a channel nobody has opened: the broker closes the connection for it. */
const PROVOCATION = Buffer.from([1, 0, 99, 0, 0, 0, 4, 0, 90, 0, 10, 0xce])

/** A wire to a broker whose first connection is over as soon as its confirm channel is open. */
export interface ShortLivedWire extends AsyncDisposable {
  readonly url: string
}

/**
 * The client reads both in one piece: that its channel is open, and that the connection is closed.
 * Later connections are carried as they are, or refused.
 */
export async function shortLivedWire(
  target: string,
  later: 'carried' | 'refused',
): Promise<ShortLivedWire> {
  const { hostname, port } = new URL(target)
  const sockets = new Set<Socket>()
  let connections = 0
  const server = createServer((near) => {
    connections += 1
    sockets.add(near.setNoDelay())
    near.on('error', () => {})
    if (connections > 1 && later === 'refused') {
      near.destroy()
      return
    }
    const far = connect(Number(port), hostname).setNoDelay()
    sockets.add(far)
    far.on('error', () => {})
    near.on('close', () => far.destroy())
    far.on('close', () => near.destroy())
    near.pipe(far)
    if (connections === 1) openAndClose(near, far)
    else far.pipe(near)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = new URL(target)
  url.hostname = '127.0.0.1'
  url.port = String((server.address() as AddressInfo).port)
  return {
    url: url.href,
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => server.close(resolve))
      for (const socket of sockets) socket.destroy()
      await closed
    },
  }
}

function openAndClose(near: Socket, far: Socket): void {
  let held: Buffer | undefined
  far.on('data', (bytes) => {
    if (held === undefined && !bytes.includes(SELECT_OK)) {
      near.write(bytes)
      return
    }
    if (held === undefined) far.write(PROVOCATION)
    held = Buffer.concat([held ?? Buffer.alloc(0), bytes])
    if (!held.includes(CONNECTION_CLOSE)) return
    near.write(held)
    held = Buffer.alloc(0)
  })
}
