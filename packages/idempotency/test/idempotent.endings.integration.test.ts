// How an execution ends: errors, policies, clients that go away. Real HTTP, real Redis.
import { waitFor } from '@payflow/testkit'
import type { ErrorRequestHandler, RequestHandler } from 'express'
import { describe, expect, it } from 'vitest'
import { defaultStatusPolicy } from '../src/index.ts'
import { getIdempotency } from '../src/express/index.ts'
import { gate } from './support/gate.ts'
import { serveProtected } from './support/protected-app.ts'

const asProblem: ErrorRequestHandler = (error, _req, res, _next) => {
  res.status(error.status ?? 500).json({ from: 'error handler', message: error.message })
}

class Declined extends Error {
  readonly status = 402
}

describe('a handler that fails', () => {
  const failures: [string, (error: Error) => RequestHandler][] = [
    [
      'throws',
      (error) => () => {
        throw error
      },
    ],
    ['rejects', (error) => async () => Promise.reject(error)],
    ['calls next(error)', (error) => (_req, _res, next) => next(error)],
  ]

  it.each(failures)(
    'IDEM-24 answers through the error handler, and that is stored: %s',
    async (_c, fail) => {
      await using app = await serveProtected(fail(new Declined('declined')), { onError: asProblem })
      const first = await app.send({ key: 'k1' })
      expect([first.status, first.json()]).toEqual([
        402,
        { from: 'error handler', message: 'declined' },
      ])
      const retry = await app.send({ key: 'k1' })
      expect(retry.headers['idempotent-replayed']).toBe('true')
      expect(retry.body.equals(first.body)).toBe(true)
    },
  )

  it.each(failures)('IDEM-24 releases a 5xx before the commit point: %s', async (_c, fail) => {
    await using app = await serveProtected(fail(new Error('no database')), {
      onError: asProblem,
      commitPoint: 'explicit',
    })
    expect((await app.send({ key: 'k1' })).status).toBe(500)
    expect((await app.send({ key: 'k1' })).json().message).toBe('no database')
    expect(app.seen()).toEqual(['claimed', 'released', 'claimed', 'released'])
  })

  it.each(failures)(
    'IDEM-24 blocks the key on a 5xx after the commit point: %s',
    async (_c, fail) => {
      await using app = await serveProtected(fail(new Error('half done')), { onError: asProblem })
      expect((await app.send({ key: 'k1' })).status).toBe(500)
      const retry = await app.send({ key: 'k1' })
      expect(retry.status).toBe(409)
      expect(retry.headers['retry-after']).toBeUndefined()
      expect(retry.json()).toMatchObject({
        type: 'https://payflow.dev/problems/idempotency-indeterminate',
        code: 'idempotency_indeterminate',
        retryable: false,
      })
      expect(app.seen()).toEqual(['claimed', 'abandoned', 'indeterminate'])
    },
  )

  it("IDEM-24 answers through Express' own last resort when the app has no error handler", async () => {
    await using app = await serveProtected(() => {
      throw new Declined('declined')
    })
    const first = await app.send({ key: 'k1' })
    expect(first.status).toBe(402)
    expect((await app.send({ key: 'k1' })).body.equals(first.body)).toBe(true)
  })

  it('does not let an error handler append to a response that has begun', async () => {
    await using app = await serveProtected(
      (_req, res) => {
        res.write('half')
        throw new Error('lost the thread')
      },
      {
        leaseMs: 150,
        onError: (error, _req, res, next) => (res.headersSent ? next(error) : res.end('again')),
      },
    )
    await expect(app.send({ key: 'k1' })).rejects.toThrow(/hang up|aborted|ECONNRESET/)
    // Half a response is no result: what happened is unknown as soon as the lease has lapsed.
    await waitFor(async () => (await app.send({ key: 'k1' })).json().retryable === false)
    expect(app.seen()).toContain('indeterminate')
  })
})

describe('the status policy', () => {
  it.each([
    [200, 'store', 'store'],
    [303, 'store', 'store'],
    [400, 'store', 'store'],
    [402, 'store', 'store'],
    [404, 'store', 'store'],
    [422, 'store', 'store'],
    [401, 'release', 'release'],
    [403, 'release', 'release'],
    [408, 'release', 'release'],
    [409, 'release', 'release'],
    [425, 'release', 'release'],
    [429, 'release', 'release'],
    [500, 'release', 'indeterminate'],
    [503, 'release', 'indeterminate'],
  ] as const)(
    'IDEM-25 treats %i as %s before and %s after the commit point',
    (status, before, after) => {
      expect(defaultStatusPolicy(status, { committed: false })).toBe(before)
      expect(defaultStatusPolicy(status, { committed: true })).toBe(after)
    },
  )

  it('IDEM-25 stores a declined card and releases a 429, end to end', async () => {
    const statuses = [429, 402]
    await using app = await serveProtected(
      (_req, res) => void res.sendStatus(statuses.shift() ?? 201),
    )
    expect((await app.send({ key: 'k1' })).status).toBe(429)
    expect((await app.send({ key: 'k1' })).status).toBe(402)
    expect((await app.send({ key: 'k1' })).headers['idempotent-replayed']).toBe('true')
  })

  it('may be replaced, and its own failure neither loses the response nor repeats the effect', async () => {
    const warnings: Error[] = []
    const onWarning = (warning: Error): void => void warnings.push(warning)
    process.on('warning', onWarning)
    await using app = await serveProtected((_req, res) => void res.sendStatus(201), {
      storeStatus: () => {
        throw new Error('broken policy')
      },
    })
    expect((await app.send({ key: 'k1' })).status).toBe(201)
    expect((await app.send({ key: 'k1' })).status).toBe(409)
    await waitFor(() => warnings.some((warning) => warning.message === 'broken policy'))
    process.off('warning', onWarning)
  })

  it('gives way to what the handler says about this one execution', async () => {
    await using app = await serveProtected((req, res) => {
      getIdempotency(req)?.setOutcome('release')
      res.sendStatus(500)
    })
    await app.send({ key: 'k1' })
    expect((await app.send({ key: 'k1' })).status).toBe(500)
    expect(app.seen()).toEqual(['claimed', 'released', 'claimed', 'released'])
  })

  it('splits before and after at ctx.commitPoint()', async () => {
    await using app = await serveProtected(
      async (req, res) => {
        if (req.body.amount === 1) await getIdempotency(req)?.commitPoint()
        res.sendStatus(500)
      },
      { commitPoint: 'explicit' },
    )
    await app.send({ key: 'before', body: { amount: 0 } })
    expect((await app.send({ key: 'before', body: { amount: 0 } })).status).toBe(500)
    await app.send({ key: 'after', body: { amount: 1 } })
    expect((await app.send({ key: 'after', body: { amount: 1 } })).status).toBe(409)
  })

  it("executes again where the rules say so (onIndeterminate: 'execute')", async () => {
    const attempts: number[] = []
    await using app = await serveProtected(
      (req, res) => {
        attempts.push(getIdempotency(req)!.attempt)
        res.sendStatus(attempts.length === 1 ? 500 : 201)
      },
      { onIndeterminate: 'execute' },
    )
    expect((await app.send({ key: 'k1' })).status).toBe(500)
    expect((await app.send({ key: 'k1' })).status).toBe(201)
    expect(attempts).toEqual([1, 2])
    expect(app.seen()).toEqual(['claimed', 'abandoned', 'reclaimed', 'completed'])
  })
})

describe('a client that goes away', () => {
  it('IDEM-26 keeps the result of a handler that goes on', async () => {
    const door = gate()
    let calls = 0
    await using app = await serveProtected(async (req, res) => {
      calls += 1
      const left = new Promise((resolve) => req.socket.once('close', resolve))
      await door.pass()
      await left
      res.status(201).json({ paid: true })
    })
    const { abandon } = app.open({ key: 'k1', body: { amount: 1 } })
    await door.reached
    abandon()
    door.open()
    await waitFor(() => app.seen().includes('completed'))
    const retry = await app.send({ key: 'k1', body: { amount: 1 } })
    expect([retry.status, retry.json()]).toEqual([201, { paid: true }])
    expect(calls).toBe(1)
  })

  it('IDEM-27 gets 409 when it comes back, for as long as the handler still runs', async () => {
    const door = gate()
    const leaseMs = 150
    let calls = 0
    await using app = await serveProtected(
      async (_req, res) => {
        calls += 1
        await door.pass()
        res.sendStatus(201)
      },
      { leaseMs, onIndeterminate: 'execute' },
    )
    const { request, abandon } = app.open({ key: 'k1' })
    await door.reached
    abandon()
    await waitFor(() => request.destroyed)
    const abandonedAt = performance.now()
    const statuses = new Set<number>()
    await waitFor(async () => {
      statuses.add((await app.send({ key: 'k1' })).status)
      return performance.now() - abandonedAt > 4 * leaseMs
    })
    expect([...statuses]).toEqual([409])
    door.open()
    await waitFor(async () => (await app.send({ key: 'k1' })).status === 201)
    expect(calls).toBe(1)
  })
})
