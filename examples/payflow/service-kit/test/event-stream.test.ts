/*
 * Goal: a stream of events ends for every reason there is, and no client can make it hold memory.
 * Method: a real server and bare sockets, of which some read nothing.
 */
import { getEventListeners, once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { waitFor } from '@payflow/testkit'
import express from 'express'
import { afterEach, describe, expect, test } from 'vitest'
import { listen, openEventStream, type EventStream, type HttpServer } from '../src/index.ts'

let server: HttpServer | undefined
const sockets: Socket[] = []

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy()
  await server?.close(1_000)
})

interface Served {
  readonly stream: EventStream
  readonly closed: string[]
  readonly stop: () => void
  readonly socket: Socket
  unsent(): number
}

/** Opens a stream for a client that reads nothing unless it is told to. */
async function serve(lifetimeMs = 60_000): Promise<Served> {
  const opened = Promise.withResolvers<Pick<Served, 'stream' | 'unsent'>>()
  const closed: string[] = []
  const draining = new AbortController()
  const app = express()
  app.get('/', (_req, res) => {
    const stream = openEventStream(res, {
      heartbeatMs: 20,
      retryMs: 700,
      lifetimeMs,
      signal: draining.signal,
      onClosed: (why) => void closed.push(why),
    })
    opened.resolve({ stream, unsent: () => res.writableLength })
  })
  server = await listen({ app, host: '127.0.0.1', port: 0 })
  const socket = connect(server.port, '127.0.0.1')
  sockets.push(socket)
  socket.on('error', () => undefined)
  socket.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n')
  return { ...(await opened.promise), closed, socket, stop: () => draining.abort() }
}

async function textOf(socket: Socket): Promise<string> {
  let text = ''
  socket.on('data', (chunk) => (text += String(chunk)))
  await once(socket, 'close')
  return text
}

describe('openEventStream', () => {
  test('sends events, signs of life, and how long to wait before coming again', async () => {
    const { stream, socket, closed } = await serve()
    const text = textOf(socket)
    stream.send({ id: '7', data: { one: 1 } })
    stream.end('complete')
    stream.send({ id: '8', data: {} })
    await waitFor(() => closed.length === 1)
    socket.end()
    expect(await text).toContain('retry: 700\n\n')
    expect(await text).toContain('id: 7\ndata: {"one":1}\n\n')
    expect(await text).not.toContain('id: 8')
    expect(closed).toEqual(['complete'])
  })

  test('cuts off who does not read, and holds no more than its bound until then', async () => {
    const { stream, closed, unsent } = await serve()
    const data = 'x'.repeat(16_000)
    let most = 0
    await waitFor(
      () => {
        stream.send({ id: '1', data })
        most = Math.max(most, unsent())
        return closed.length === 1
      },
      { intervalMs: 1, timeoutMs: 60_000 },
    )
    expect(closed).toEqual(['too-slow'])
    expect(most).toBeGreaterThan(16_000) // It did wait for the client.
    expect(most).toBeLessThanOrEqual(65_536 + 2 * 16_100)
  })

  test.each([
    ['gone', ({ socket }: Served) => socket.destroy()],
    ['draining', ({ stop }: Served) => stop()],
  ])('ends: %s', async (why, act) => {
    const served = await serve()
    served.socket.resume()
    act(served)
    await waitFor(() => served.closed.length === 1)
    expect(served.closed).toEqual([why])
  })

  test.each([50, 0, -1])('ends when its time of %d ms is up', async (lifetimeMs) => {
    const { closed, socket } = await serve(lifetimeMs)
    socket.resume()
    await waitFor(() => closed.length === 1)
    expect(closed).toEqual(['expired'])
  })

  test('leaves nothing behind for a client that had gone before', async () => {
    const stopping = new AbortController()
    const closed: string[] = []
    const app = express()
    app.get('/', (_req, res) => {
      res.once('close', () => {
        openEventStream(res, {
          heartbeatMs: 20,
          retryMs: 700,
          lifetimeMs: 60_000,
          signal: stopping.signal,
          onClosed: (why) => void closed.push(why),
        }).send({ id: '1', data: {} })
      })
      res.destroy()
    })
    server = await listen({ app, host: '127.0.0.1', port: 0 })
    await expect(fetch(`http://127.0.0.1:${server.port}/`)).rejects.toThrow('fetch failed')
    await waitFor(() => closed.length > 0)
    expect(closed).toEqual(['gone'])
    expect(getEventListeners(stopping.signal, 'abort')).toEqual([])
  })
})

describe('a server that closes', () => {
  test('does not wait for connections over which nothing ever came', async () => {
    server = await listen({ app: express(), host: '127.0.0.1', port: 0 })
    const { port } = server
    for (let count = 0; count < 5; count += 1) {
      const socket = connect(port, '127.0.0.1')
      sockets.push(socket)
      socket.on('error', () => undefined)
      await once(socket, 'connect')
    }
    const startedAt = performance.now()
    await server.close(20_000)
    expect(performance.now() - startedAt).toBeLessThan(8_000)
  })
})
