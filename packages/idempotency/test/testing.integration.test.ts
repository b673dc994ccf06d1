// The published suites find what is wrong: every clause of them fails for some broken store or
// middleware. Real stores and servers pass them elsewhere.
import http from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { describe, expect, it } from 'vitest'
import type { IdempotencyStore, RecordView } from '../src/index.ts'
import { memoryStore } from '../src/memory/index.ts'
import { acquire, claimRequest, describeMiddleware } from '../src/testing/index.ts'
import { describeStore, faultyStore } from '../src/testing/index.ts'
import type { ContractHandler, StartMiddleware, TestRunner } from '../src/testing/index.ts'

/** Runs a suite at once, and tells how each of its tests ended. */
async function run(suite: (runner: TestRunner) => void): Promise<Map<string, unknown>> {
  const ends: Promise<[string, unknown]>[] = []
  let part = ''
  suite({
    describe(title, body) {
      part = title
      body()
    },
    it(title, body) {
      const name = `${part}: ${title}`
      ends.push(
        body().then(
          () => [name, undefined],
          (error: unknown) => [name, error],
        ),
      )
    },
  })
  return new Map(await Promise.all(ends))
}

const failed = (ends: Map<string, unknown>): string[] =>
  [...ends].filter(([, error]) => error !== undefined).map(([title]) => title)

describe('describeStore', () => {
  const view: RecordView = {
    id: 'any',
    standing: 'lapsed',
    state: 'started',
    attempt: 1,
    fence: 1,
    leaseRemainingMs: 0,
    createdAt: new Date(0),
    expiresInMs: 0,
    fingerprint: Buffer.alloc(32),
    payload: Buffer.from('whatever'),
  }
  const checkpoint = Buffer.from('whatever')
  /** Gives every record to everybody, and believes every owner. */
  const gullible = (): IdempotencyStore => {
    const ended = new Set<string>()
    let fence = 0
    return {
      async claim() {
        fence += 1
        return { verdict: 'acquired', fence, attempt: 7, recovering: false, checkpoint }
      },
      renew: () => Promise.resolve('ok'),
      mark: () => Promise.resolve('ok'),
      checkpoint: () => Promise.resolve('ok'),
      listIndeterminate: () => Promise.resolve({ records: [], cursor: undefined }),
      resolve: () => Promise.resolve({ outcome: 'done' }),
      forget: () => Promise.resolve({ outcome: 'done' }),
      async complete({ id }) {
        ended.add(id)
        return 'ok'
      },
      release: () => Promise.resolve('ok'),
      inspect: async (id) => (ended.has(id) ? undefined : view),
    }
  }
  /** Gives a record once, and says no to all that follows. */
  const stubborn = (): IdempotencyStore => {
    const seen = new Set<string>()
    const ended = new Set<string>()
    return {
      async claim({ id }) {
        const isNew = !seen.has(id)
        seen.add(id)
        return isNew
          ? { verdict: 'acquired', fence: 2, attempt: 1, recovering: true, checkpoint }
          : { verdict: 'in_progress', remainingMs: 35_000 }
      },
      renew: () => Promise.resolve('stale'),
      mark: () => Promise.resolve('stale'),
      checkpoint: () => Promise.resolve('stale'),
      listIndeterminate: () => Promise.resolve({ records: [], cursor: undefined }),
      resolve: () => Promise.resolve({ outcome: 'absent' }),
      forget: () => Promise.resolve({ outcome: 'absent' }),
      async complete({ id }) {
        ended.add(id)
        return 'stale'
      },
      release: () => Promise.resolve('stale'),
      inspect: async (id) => (ended.has(id) ? undefined : view),
    }
  }

  it('passes the memory store, and has no clause that every store passes', async () => {
    const suite = (makeStore: () => IdempotencyStore) =>
      run((runner) => describeStore('s', makeStore, runner))
    const sound = await suite(memoryStore)
    expect(failed(sound)).toEqual([])
    const broken = [...failed(await suite(gullible)), ...failed(await suite(stubborn))]
    expect([...sound.keys()].filter((title) => !broken.includes(title))).toEqual([])
  })

  it('finds a single fault, and names it', async () => {
    const forgetful = (): IdempotencyStore => {
      const { store } = faultyStore(memoryStore())
      return new Proxy(store, {
        get: (target, name) =>
          name === 'release' ? () => Promise.resolve('ok') : Reflect.get(target, name, target),
      })
    }
    const ends = await run((runner) => describeStore('s', forgetful, runner))
    const titles = failed(ends)
    expect(titles).toContain('s: release: makes the key new, also when asked twice')
    expect(titles).toContain('s: release: never deletes a finished record')
    expect(titles.every((title) => title.startsWith('s: release:'))).toBe(true)
    for (const title of titles) expect(ends.get(title)).toMatchObject({ name: 'AssertionError' })
  })
})

describe('describeMiddleware', () => {
  const startWith =
    (answer: (handler: ContractHandler, res: http.ServerResponse) => Promise<void>) =>
    async (handler: ContractHandler): ReturnType<StartMiddleware> => {
      const server = http.createServer((req, res) => {
        req.resume()
        req.on('end', () => void answer(handler, res).catch(() => res.writeHead(500).end()))
      })
      server.listen(0, '127.0.0.1')
      await once(server, 'listening')
      return {
        url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
        async close() {
          server.closeAllConnections()
          server.close()
          await once(server, 'close')
        },
      }
    }
  /** No middleware at all. */
  const bare = startWith(async (handler, res) => {
    const { status, headers, body } = await handler()
    res.writeHead(status, headers).end(body)
  })
  /** Calls everything a replay. */
  const boasting = startWith(async (handler, res) => {
    const { status, headers, body } = await handler()
    res.writeHead(status, { ...headers, 'Idempotent-Replayed': 'true' }).end(body)
  })

  it('has no clause that every server passes', async () => {
    const ends = await run((runner) => describeMiddleware('m', bare, runner))
    const broken = failed(ends)
    // What is asked of a middleware that is too careful.
    const careful = [
      'm: execution: IDEM-28 keeps the same key of two users apart',
      'm: execution: IDEM-30 keeps the same key on two paths apart',
      'm: execution: IDEM-44 never takes an equal body under another key for a repetition',
      'm: answers: IDEM-37 does not believe a client that says it is a replay',
      'm: keys: IDEM-32 takes a key of 255 characters',
    ]
    expect([...ends.keys()].filter((title) => !broken.includes(title))).toEqual(careful)
    const found = failed(await run((runner) => describeMiddleware('m', boasting, runner)))
    expect(found).toEqual(expect.arrayContaining(careful))
    // Both suites once more, whole, most clauses up to their own time limit.
  }, 240_000)
})

describe('faultyStore', () => {
  const unavailable = { code: 'IDEMPOTENCY_STORE_UNAVAILABLE' }

  it('fails a call that the store never sees, once', async () => {
    const { store, failNext, calls } = faultyStore(memoryStore())
    const request = claimRequest()
    failNext('claim')
    await expect(store.claim(request)).rejects.toMatchObject(unavailable)
    expect(await store.inspect(request.id)).toBeUndefined()
    expect((await store.claim(request)).verdict).toBe('acquired')
    expect(calls).toEqual(['claim', 'inspect', 'claim'])
  })

  it('loses the answer of a call that was done', async () => {
    const { store, loseNextAnswer } = faultyStore(memoryStore())
    const handle = await acquire(store, claimRequest())
    const done = { payload: Buffer.from('done'), omitted: false, retentionMs: 60_000 }
    loseNextAnswer('complete')
    await expect(store.complete(handle, done)).rejects.toMatchObject(unavailable)
    expect((await store.inspect(handle.id))?.state).toBe('completed')
  })

  it('holds a call until it is let go, and keeps faults of one verb in order', async () => {
    const { store, holdNext, failNext } = faultyStore(memoryStore())
    const held = holdNext('claim')
    failNext('claim')
    const request = claimRequest()
    const first = store.claim(request)
    await held.reached
    expect(await store.inspect(request.id)).toBeUndefined()
    await expect(store.claim(request)).rejects.toMatchObject(unavailable)
    held.release()
    expect((await first).verdict).toBe('acquired')
  })
})
