import { connect, createServer } from 'node:net'
import { randomInt } from 'node:crypto'
import { TestkitError } from '../errors.ts'

// Below 32768, where Linux starts to hand out ports for outgoing connections: a port chosen here can't be
// taken by somebody's client connection between our look and the server's bind (seen with 35672).
const FIRST = 20_000
const LAST = 32_000

const handedOut = new Set<number>()

/** True when nothing listens on the loopback port at this moment. */
export function isPortFree(port: number, host = '127.0.0.1'): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(true)))
  })
}

/**
 * True when something accepts connections on the loopback port. Unlike {@link isPortFree} it never
 * holds the port itself, so it may be asked while a server is about to bind it.
 */
export function isListening(port: number, host = '127.0.0.1'): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host })
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}

/**
 * A random loopback port from 20000–32000 that is free now and was not handed out by this process before.
 * Not reserved: another process may still take it, so whoever binds it must be ready to be told so.
 */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < 200; attempt += 1) {
    const port = randomInt(FIRST, LAST)
    if (handedOut.has(port)) continue
    if (await isPortFree(port)) {
      handedOut.add(port)
      return port
    }
  }
  throw new TestkitError('TESTKIT_NO_FREE_PORT', `no free port between ${FIRST} and ${LAST}`)
}
