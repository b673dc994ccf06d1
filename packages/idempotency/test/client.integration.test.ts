// The client against a real server behind the real middleware and Redis, over a network that
// loses requests and answers.
import { randomUUID } from 'node:crypto'
import { uniqueName } from '@payflow/testkit'
import type { RequestHandler } from 'express'
import { describe, expect, it } from 'vitest'
import { idempotentFetch, timeOrderedKey } from '../src/client/index.ts'
import type { FetchResult, IdempotentFetchOptions, KeyStorage } from '../src/client/index.ts'
import { faultProxy } from '../src/testing/index.ts'
import type { FaultProxy } from '../src/testing/index.ts'
import { gate } from './support/gate.ts'
import { countingHandler, serveProtected } from './support/protected-app.ts'
import type { ProtectedApp, ProtectedAppOptions } from './support/protected-app.ts'
import { isolatedStore } from './support/redis.ts'
import { storeWith } from './support/store-with.ts'

interface Shop extends AsyncDisposable {
  readonly app: ProtectedApp
  readonly proxy: FaultProxy
}

async function shop(handler: RequestHandler, options: ProtectedAppOptions = {}): Promise<Shop> {
  const app = await serveProtected(handler, options)
  const proxy = await faultProxy(app.url)
  return {
    app,
    proxy,
    async [Symbol.asyncDispose]() {
      await proxy[Symbol.asyncDispose]()
      await app[Symbol.asyncDispose]()
    },
  }
}

/** A connection for each request, so that each fault meets the request it is meant for. */
const client = (options: IdempotentFetchOptions = {}) =>
  idempotentFetch({
    retryDelayMs: 10,
    fetch: (url, init) => {
      const headers = new Headers(init.headers)
      headers.set('Connection', 'close')
      return fetch(url, { ...init, headers })
    },
    ...options,
  })

/** Keeps keys in a map: what it has is what survives. */
function mapStorage(): KeyStorage & { readonly keys: Map<string, string> } {
  const keys = new Map<string, string>()
  return {
    keys,
    claim(action, key) {
      if (!keys.has(action)) keys.set(action, key)
      return keys.get(action)!
    },
    forget: (action) => void keys.delete(action),
  }
}

function expectAnswered(result: FetchResult): Extract<FetchResult, { outcome: 'answered' }> {
  expect(result).toMatchObject({ outcome: 'answered' })
  return result as Extract<FetchResult, { outcome: 'answered' }>
}

/** The time of a UUID of version 7, as it is written. */
const timePart = (ms: number): string => ms.toString(16).padStart(12, '0').replace(/^.{8}/, '$&-')

const pay = { json: { amount: 500 } }

describe('idempotentFetch over a bad network', () => {
  it('executes once and gives the answer when nothing goes wrong', async () => {
    const handler = countingHandler()
    await using net = await shop(handler)
    const result = expectAnswered(await client()(net.proxy.url, pay))
    expect(result).toMatchObject({ attempts: 1, replayed: false, degraded: false })
    expect(result.key).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-.{12}$/)
    expect([result.response.status, await result.response.json()]).toEqual([201, { call: 1 }])
  })

  it.each<[string, (proxy: FaultProxy) => Promise<void>, number, boolean]>([
    ['its request is lost', (proxy) => proxy.loseNextRequest(), 2, false],
    ['its answer is lost', (proxy) => proxy.loseNextAnswer(), 2, true],
    ['its answer is cut off in its head', (proxy) => proxy.cutNextAnswerAfter(20), 2, true],
    ['its answer is cut off in its body', (proxy) => proxy.cutNextAnswerAfter(400), 2, true],
  ])('IDEM-04 executes once when %s', async (_case, fault, attempts, replayed) => {
    let calls = 0
    await using net = await shop((_req, res) => {
      calls += 1
      res.status(201).json({ call: calls, receipt: 'r'.repeat(5_000) })
    })
    const happened = fault(net.proxy)
    const result = expectAnswered(await client()(net.proxy.url, pay))
    await happened
    expect(result).toMatchObject({ attempts, replayed })
    expect(await result.response.json()).toEqual({ call: 1, receipt: 'r'.repeat(5_000) })
    expect(calls).toBe(1)
  })

  it('waits as long as Retry-After says while the first attempt is worked on', async () => {
    const door = gate()
    let calls = 0
    await using net = await shop(
      async (_req, res) => {
        calls += 1
        await door.pass()
        res.status(201).json({ paid: true })
      },
      { leaseMs: 2_000 },
    )
    const delays: number[] = []
    const lost = net.proxy.loseNextRequest()
    const first = client()(net.proxy.url, { ...pay, key: 'k1', isFirstUse: true })
    await lost
    await door.reached
    const second = client({
      onRetry: ({ delayMs, status }) => {
        delays.push(delayMs)
        expect(status).toBe(409)
        door.open()
      },
    })(net.proxy.url, { ...pay, key: 'k1' })
    expect(expectAnswered(await first).replayed).toBe(false)
    expect(expectAnswered(await second).replayed).toBe(true)
    expect(delays).toEqual([2_000])
    expect(calls).toBe(1)
  })

  it('sends an attempt again that takes too long, and disturbs nothing', async () => {
    const door = gate()
    let calls = 0
    await using net = await shop(
      async (_req, res) => {
        calls += 1
        await door.pass()
        res.status(201).json({ paid: true })
      },
      { leaseMs: 500 },
    )
    const send = client({ attemptTimeoutMs: 200, onRetry: ({ status }) => status && door.open() })
    const result = expectAnswered(await send(net.proxy.url, pay))
    expect(result.replayed).toBe(true)
    expect(calls).toBe(1)
  })

  it('asks again while the store is down, and is answered when it is back', async () => {
    const handler = countingHandler()
    const store = isolatedStore()
    let isDown = true
    await using net = await shop(handler, {
      store: storeWith(store, {
        claim: (request) =>
          isDown ? Promise.reject(new Error('connection refused')) : store.claim(request),
      }),
    })
    const seen: unknown[] = []
    const send = client({
      onRetry: ({ status, delayMs }) => {
        seen.push(status, delayMs)
        isDown = false
      },
    })
    const result = expectAnswered(await send(net.proxy.url, pay))
    expect(seen).toEqual([503, 1_000])
    expect(result).toMatchObject({ attempts: 2, replayed: false })
    expect(handler.calls).toBe(1)
  })

  it('sends the same bytes each time, whatever the body is made of', async () => {
    const bodies: Buffer[] = []
    const types: (string | undefined)[] = []
    await using net = await shop((_req, res) => void res.sendStatus(204), {
      before: (app) =>
        app.use((req, _res, next) => {
          const chunks: Buffer[] = []
          req.on('data', (chunk: Buffer) => chunks.push(chunk))
          req.on('end', () => {
            bodies.push(Buffer.concat(chunks))
            types.push(req.headers['content-type'])
            req.body = bodies.at(-1)
            next()
          })
        }),
      route: { fingerprint: (req) => req.body },
    })
    const form = new FormData()
    form.set('amount', '500')
    const stream = new ReadableStream({
      start(controller) {
        controller.enqueue(new Uint8Array([0, 255, 1]))
        controller.close()
      },
    })
    const kinds = [form, stream, 'text', new URLSearchParams({ a: '1' }), new Uint8Array([1, 254])]
    for (const body of kinds) {
      const lost = net.proxy.loseNextAnswer()
      const result = expectAnswered(await client()(net.proxy.url, { body }))
      await lost
      expect(result).toMatchObject({ attempts: 2, replayed: true })
      expect(result.response.status).toBe(204)
      const [first, second] = bodies.splice(0)
      expect(first!.equals(second!)).toBe(true)
      expect(first!.length).toBeGreaterThan(0)
      expect(new Set(types.splice(0)).size).toBe(1)
    }
  })
})

describe('idempotentFetch when the server has spoken', () => {
  it('IDEM-06 never asks again for what is indeterminate', async () => {
    const handler = countingHandler()
    await using net = await shop((_req, res) => {
      handler.calls += 1
      res.sendStatus(500)
    })
    const result = await client()(net.proxy.url, pay)
    // 500, and then what the server knows of it: its handler is not called a second time.
    expect(result).toMatchObject({ outcome: 'indeterminate', attempts: 2 })
    expect(handler.calls).toBe(1)
    const again = await client()(net.proxy.url, { ...pay, key: result.key })
    expect(again).toMatchObject({ outcome: 'indeterminate', attempts: 1 })
    expect(handler.calls).toBe(1)
  })

  it('IDEM-03 never asks again after a mismatch, and makes no new key', async () => {
    const handler = countingHandler()
    await using net = await shop(handler)
    await client()(net.proxy.url, { ...pay, key: 'k1' })
    const result = await client()(net.proxy.url, { json: { amount: 501 }, key: 'k1' })
    expect(result).toMatchObject({
      outcome: 'refused',
      code: 'idempotency_key_reused',
      attempts: 1,
      key: 'k1',
    })
    expect(handler.calls).toBe(1)
  })

  it('IDEM-42 is refused with a key older than the server remembers, and sends no other', async () => {
    const handler = countingHandler()
    await using net = await shop(handler)
    const agoMs = 2 * 86_400_000
    const generateKey = () => timeOrderedKey().replace(/^.{13}/, timePart(Date.now() - agoMs))
    const result = await client({ generateKey })(net.proxy.url, pay)
    expect(result).toMatchObject({ outcome: 'refused', code: 'idempotency_key_expired' })
    expect([result.attempts, handler.calls]).toEqual([1, 0])
  })

  it('gives a final refusal of the handler as the answer', async () => {
    const handler: RequestHandler = (_req, res) => void res.status(402).json({ declined: true })
    await using net = await shop(handler)
    const result = expectAnswered(await client()(net.proxy.url, pay))
    expect([result.response.status, result.attempts]).toEqual([402, 1])
  })

  it('is told that the body of a large answer was not stored', async () => {
    await using net = await shop((_req, res) => void res.send('x'.repeat(2_000)), {
      resultMaxBytes: 100,
    })
    const lost = net.proxy.cutNextAnswerAfter(1_000)
    const result = expectAnswered(await client()(net.proxy.url, pay))
    await lost
    expect(result).toMatchObject({ replayed: true, bodyOmitted: true })
  })

  it('is told when the server executed without protection', async () => {
    const store = { claim: () => Promise.reject(new Error('down')) } as never
    await using net = await shop(countingHandler(), { store, onStoreFailure: 'open' })
    expect(expectAnswered(await client()(net.proxy.url, pay)).degraded).toBe(true)
  })
})

describe('idempotentFetch in doubt', () => {
  /** Executes the first request; its answer is lost, and then the login has expired. */
  const withExpiringLogin = async (isBack: () => boolean): Promise<Shop & { calls(): number }> => {
    const handler = countingHandler()
    let asked = 0
    const net = await shop(handler, {
      before: (app) =>
        app.use((_req, res, next) => {
          asked += 1
          if (asked > 1 && !isBack()) res.status(401).json({ error: 'login expired' })
          else next()
        }),
    })
    return Object.assign(net, { calls: () => handler.calls })
  }

  it.each(['manual', 'follow'] as const)(
    'does not take a login page for the answer to a payment that may have been made: %s',
    async (redirect) => {
      const handler = countingHandler()
      let asked = 0
      await using net = await shop(handler, {
        before: (app) => {
          app.get('/login', (_req, res) => void res.send('<form>'))
          app.use((_req, res, next) => {
            asked += 1
            if (asked > 1) res.redirect('/login')
            else next()
          })
        },
      })
      const lost = net.proxy.loseNextAnswer()
      const init = { ...pay, ...(redirect === 'follow' && { redirect }) }
      const result = await client()(net.proxy.url, init)
      await lost
      expect(result).toMatchObject({ outcome: 'unknown', reason: 'unconfirmed' })
      expect(result.response?.status).toBe(redirect === 'follow' ? 200 : 302)
      expect(handler.calls).toBe(1)
    },
  )

  it('does not take a 401 for the answer to a payment that may have been made', async () => {
    let isBack = false
    await using net = await withExpiringLogin(() => isBack)
    const storage = mapStorage()
    const send = client({ persist: storage })
    const lost = net.proxy.loseNextAnswer()
    const result = await send(net.proxy.url, { ...pay, action: 'order-17' })
    await lost
    expect(result).toMatchObject({ outcome: 'unknown', reason: 'unconfirmed', attempts: 3 })
    expect(result.response?.status).toBe(401)
    // The next process knows no attempt of its own, but the kept key tells that there was one.
    const restarted = await send(net.proxy.url, { ...pay, action: 'order-17' })
    expect(restarted).toMatchObject({ outcome: 'unknown', reason: 'unconfirmed', attempts: 2 })
    isBack = true
    const after = expectAnswered(await send(net.proxy.url, { ...pay, action: 'order-17' }))
    expect(after).toMatchObject({ replayed: true, attempts: 1, key: result.key })
    expect(net.calls()).toBe(1)
  })

  it('believes a 401 when nothing was sent before', async () => {
    await using net = await shop(countingHandler(), {
      before: (app) => app.use((_req, res) => void res.sendStatus(401)),
    })
    const result = expectAnswered(await client()(net.proxy.url, pay))
    expect([result.response.status, result.attempts]).toEqual([401, 1])
    const given = { ...pay, key: 'k1' }
    const first = await client()(net.proxy.url, { ...given, isFirstUse: true })
    expect(first).toMatchObject({ outcome: 'answered', attempts: 1 })
    const later = await client()(net.proxy.url, given)
    expect(later).toMatchObject({ outcome: 'unknown', reason: 'unconfirmed', attempts: 2 })
  })

  it('confirms a refusal of the handler by its stored answer', async () => {
    let calls = 0
    await using net = await shop((_req, res) => {
      calls += 1
      res.status(402).json({ declined: calls })
    })
    const lost = net.proxy.loseNextRequest()
    const result = expectAnswered(await client()(net.proxy.url, pay))
    await lost
    expect(result).toMatchObject({ replayed: true, attempts: 3 })
    expect(await result.response.json()).toEqual({ declined: 1 })
    expect(calls).toBe(1)
  })
})

describe('idempotentFetch gives up', () => {
  it('after attemptsMax attempts, with the cause and the key to go on with', async () => {
    await using net = await shop(countingHandler())
    net.proxy.cut()
    const result = await client({ attemptsMax: 3 })(net.proxy.url, pay)
    expect(result).toMatchObject({ outcome: 'unknown', reason: 'attempts', attempts: 3 })
    expect(result).toMatchObject({ cause: { name: 'TypeError' } })
    net.proxy.restore()
    const later = expectAnswered(await client()(net.proxy.url, { ...pay, key: result.key }))
    expect(await later.response.json()).toEqual({ call: 1 })
  })

  it('at its deadline, also in the middle of an attempt', async () => {
    await using net = await shop(countingHandler())
    net.proxy.freeze()
    // Nothing else ends the attempt: its own time is an hour.
    const given = { deadlineMs: 300, attemptTimeoutMs: 3_600_000, attemptsMax: 100 }
    const result = await client(given)(net.proxy.url, pay)
    expect(result).toMatchObject({ outcome: 'unknown', reason: 'deadline', attempts: 1 })
    expect(result).toMatchObject({ cause: { name: 'TimeoutError' } })
  })

  it('at once when the server asks for a longer wait than is left', async () => {
    const door = gate()
    await using net = await shop(
      async (_req, res) => {
        await door.pass()
        res.sendStatus(204)
      },
      { leaseMs: 60_000 },
    )
    const first = client()(net.proxy.url, { ...pay, key: 'k1' })
    await door.reached
    const result = await client({ deadlineMs: 20_000 })(net.proxy.url, { ...pay, key: 'k1' })
    expect(result).toMatchObject({ outcome: 'unknown', reason: 'deadline', attempts: 1 })
    expect((result as { retryAfterMs: number }).retryAfterMs).toBeGreaterThan(50_000)
    door.open()
    await first
  })

  it('when it is aborted: before, during and between attempts', async () => {
    const handler = countingHandler()
    await using net = await shop(handler)
    const before = await client()(net.proxy.url, { ...pay, signal: AbortSignal.abort() })
    expect(before).toMatchObject({ outcome: 'unknown', reason: 'aborted', attempts: 0 })
    expect(handler.calls).toBe(0)

    net.proxy.freeze()
    const during = new AbortController()
    const frozen = client({
      fetch(url, init) {
        setImmediate(() => during.abort())
        return fetch(url, init)
      },
    })
    const aborted = await frozen(net.proxy.url, { ...pay, signal: during.signal })
    expect(aborted).toMatchObject({ outcome: 'unknown', reason: 'aborted', attempts: 1 })
    net.proxy.thaw()

    net.proxy.cut()
    const between = new AbortController()
    const waiting = client({
      retryDelayMs: 60_000,
      retryDelayMaxMs: 60_000,
      deadlineMs: 600_000,
      onRetry: () => setImmediate(() => between.abort()),
    })
    const result = await waiting(net.proxy.url, { ...pay, signal: between.signal })
    expect(result).toMatchObject({ outcome: 'unknown', reason: 'aborted', attempts: 1 })
  })

  it('on an answer that is too large to be read, and does not ask for it again', async () => {
    const handler: RequestHandler = (_req, res) => void res.send('x'.repeat(5_000))
    await using net = await shop(handler)
    const result = await client({ responseMaxBytes: 4_999 })(net.proxy.url, pay)
    expect(result).toMatchObject({ outcome: 'unknown', reason: 'response_too_large', attempts: 1 })
    expectAnswered(await client({ responseMaxBytes: 5_000 })(net.proxy.url, pay))
  })
})

describe('the key of an action', () => {
  it('is kept before the first byte, and nothing is sent when that fails', async () => {
    const handler = countingHandler()
    await using net = await shop(handler)
    const broken: KeyStorage = {
      claim: () => Promise.reject(new Error('quota exceeded')),
      forget: () => undefined,
    }
    const send = client({ persist: broken })
    await expect(send(net.proxy.url, { ...pay, action: 'order-17' })).rejects.toMatchObject({
      code: 'IDEMPOTENCY_KEY_NOT_KEPT',
      retryable: true,
    })
    expect(handler.calls).toBe(0)
    expect(net.app.events).toEqual([])
  })

  it('is already kept when the request arrives', async () => {
    const storage = mapStorage()
    const seen: (string | undefined)[] = []
    await using net = await shop((req, res) => {
      seen.push(storage.keys.get('order-17'), req.get('idempotency-key'))
      res.sendStatus(204)
    })
    await client({ persist: storage })(net.proxy.url, { ...pay, action: 'order-17' })
    expect(seen[0]).toBeDefined()
    expect(seen[0]).toBe(seen[1])
  })

  it('is one key for two tabs that send the same action at the same moment', async () => {
    const handler = countingHandler()
    await using net = await shop(handler, { leaseMs: 1_000 })
    const storage = mapStorage()
    const both = await Promise.all(
      [client({ persist: storage }), client({ persist: storage })].map((send) =>
        send(net.proxy.url, { ...pay, action: 'order-17' }),
      ),
    )
    expect(both.map((result) => result.outcome)).toEqual(['answered', 'answered'])
    expect(new Set(both.map((result) => result.key)).size).toBe(1)
    expect(handler.calls).toBe(1)
  })

  it('is kept until it is told to be forgotten', async () => {
    const handler = countingHandler()
    await using net = await shop(handler)
    const send = client({ persist: mapStorage() })
    const action = uniqueName('order')
    const once = async () => expectAnswered(await send(net.proxy.url, { ...pay, action })).replayed
    expect([await once(), await once(), await once()]).toEqual([false, true, true])
    await send.forget(action)
    expect(await once()).toBe(false)
    expect(handler.calls).toBe(2)
  })

  it('is another key for another call that names none', async () => {
    const handler = countingHandler()
    await using net = await shop(handler)
    const keys = [randomUUID(), randomUUID()]
    const send = client({ generateKey: () => keys.shift()! })
    await send(net.proxy.url, pay)
    await send(net.proxy.url, pay)
    expect(handler.calls).toBe(2)
  })
})
