// Compression on either side of the middleware, and clients that differ in what they can read.
import { gunzipSync, gzipSync } from 'node:zlib'
import compression from 'compression'
import express from 'express'
import { describe, expect, it } from 'vitest'
import { createIdempotency, presets } from '../src/index.ts'
import { idempotent } from '../src/express/index.ts'
import { serve } from './support/http.ts'
import type { WireResponse } from './support/http.ts'
import { countingHandler } from './support/protected-app.ts'
import { isolatedStore } from './support/redis.ts'

const text = JSON.stringify({ note: 'paid '.repeat(400) })
const zip = { 'Accept-Encoding': 'gzip' }
const plain = { 'Accept-Encoding': 'identity' }

const read = ({ headers, body }: WireResponse): string =>
  (headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body).toString()

async function app(order: 'before' | 'after' | 'by hand') {
  const idempotency = createIdempotency({
    store: isolatedStore(),
    scope: () => 'ada',
    ...presets.payments,
  })
  return serve((server) => {
    server.use(express.json())
    if (order === 'before') server.use(compression({ threshold: 0 }))
    server.use(idempotent(idempotency))
    if (order === 'after') server.use(compression({ threshold: 0 }))
    server.post('/', (_req, res) => {
      res.type('json')
      if (order === 'by hand') res.set('Content-Encoding', 'gzip').end(gzipSync(text))
      else res.send(text)
    })
  })
}

describe('a response that is compressed', () => {
  it.each(['before', 'after', 'by hand'] as const)(
    'IDEM-35 can be read by whoever asks again: compression %s the middleware',
    async (order) => {
      await using server = await app(order)
      const first = await server.send({ key: 'k1', headers: zip })
      expect(first.headers['content-encoding']).toBe('gzip')
      expect(read(first)).toBe(text)
      const same = await server.send({ key: 'k1', headers: zip })
      const other = await server.send({ key: 'k1', headers: plain })
      for (const replay of [same, other]) {
        expect(replay.headers['idempotent-replayed']).toBe('true')
        expect(read(replay)).toBe(text)
      }
      expect(same.headers['content-encoding']).toBe('gzip')
      expect(other.headers['content-encoding']).toBeUndefined()
      expect(other.headers.vary).toContain('Accept-Encoding')
    },
  )

  it('IDEM-35 may have been asked for plain first', async () => {
    await using server = await app('before')
    expect(read(await server.send({ key: 'k1', headers: plain }))).toBe(text)
    expect(read(await server.send({ key: 'k1', headers: zip }))).toBe(text)
  })

  it('IDEM-35 is sent as it is when its encoding is not one we can undo', async () => {
    const idempotency = createIdempotency({ store: isolatedStore(), scope: () => 'ada' })
    const handler = countingHandler()
    await using server = await serve((web) => {
      web.post('/', express.json(), idempotent(idempotency), (_req, res) => {
        handler.calls += 1
        res.set('Content-Encoding', 'x-own').end('bytes')
      })
    })
    await server.send({ key: 'k1' })
    const replay = await server.send({ key: 'k1', headers: plain })
    expect([replay.headers['content-encoding'], replay.text]).toEqual(['x-own', 'bytes'])
    expect(handler.calls).toBe(1)
  })
})
