import { randomInt } from 'node:crypto'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { TestkitError } from '../errors.ts'
import { isAlive } from './process-tree.ts'

// Below 32768, where Linux starts to hand out ports for outgoing connections: a port chosen here can't be
// taken by somebody's client connection between our look and the server's bind (seen with 35672).
const FIRST = 20_000
const LAST = 32_000

const handedOut = new Set<number>()
const notes = new Set<string>()

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
 * Notes that a port is this process's for as long as it lives; false when another process that lives has
 * noted it. The port of a server that is being restarted is free for as long as that takes, and must not
 * be handed out meanwhile by a test run beside this one.
 *
 * @param folder - where the processes of this machine leave their notes
 */
export function reservePort(
  port: number,
  folder: string = join(tmpdir(), 'payflow-ports'),
): boolean {
  const note = join(folder, `${port}`)
  try {
    mkdirSync(folder, { recursive: true, mode: 0o777 })
    const owner = Number(readNote(note))
    if (owner !== 0 && owner !== process.pid && isAlive(owner)) return false
    if (owner !== 0) rmSync(note, { force: true })
    writeFileSync(note, `${process.pid}`, { flag: 'wx' })
    if (notes.size === 0) process.once('exit', removeNotes)
    notes.add(note)
    return true
  } catch (error) {
    // Somebody was quicker. Where no note can be left at all, the port is as free as it looks.
    return (error as { code?: string }).code !== 'EEXIST'
  }
}

function removeNotes(): void {
  for (const note of notes) rmSync(note, { force: true })
}

function readNote(note: string): string {
  try {
    return readFileSync(note, 'utf8')
  } catch {
    return ''
  }
}

/**
 * A random loopback port from 20000–32000 that is free now and that no process of this machine was handed
 * by this function. Another program may still take it, so whoever binds it must be ready to be told so.
 */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < 200; attempt += 1) {
    const port = randomInt(FIRST, LAST)
    if (handedOut.has(port)) continue
    if ((await isPortFree(port)) && reservePort(port)) {
      handedOut.add(port)
      return port
    }
  }
  throw new TestkitError('TESTKIT_NO_FREE_PORT', `no free port between ${FIRST} and ${LAST}`)
}
