// What the client decides without a network: its keys, its options, and what an answer proves.
import { readFileSync } from 'node:fs'
import { describe, expect, it, vi } from 'vitest'
import { idempotentFetch, timeOrderedKey, webStorageKeys } from '../src/client/index.ts'
import type { WebStorage } from '../src/client/index.ts'
import { judge, retryAfterOf } from '../src/client/judge.ts'

const url = 'http://127.0.0.1:9/'
const never = () => Promise.reject(new Error('was sent'))

describe('timeOrderedKey', () => {
  it('is a UUID of version 7 that begins with the time', () => {
    try {
      vi.useFakeTimers({ toFake: ['Date'], now: 0x0123_4567_89ab })
      const key = timeOrderedKey()
      expect(key).toMatch(/^01234567-89ab-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
    } finally {
      vi.useRealTimers()
    }
  })

  it('is never the same twice', () => {
    const keys = Array.from({ length: 10_000 }, () => timeOrderedKey())
    expect(new Set(keys).size).toBe(10_000)
  })
})

describe('webStorageKeys', () => {
  const storage = (): WebStorage & { readonly items: Map<string, string> } => {
    const items = new Map<string, string>()
    return {
      items,
      getItem: (name) => items.get(name) ?? null,
      setItem: (name, value) => void items.set(name, value),
      removeItem: (name) => void items.delete(name),
    }
  }

  it.each([
    ['with the locks of a secure context', true],
    ['without locks', false],
  ])('gives one key to all that ask for an action, %s', async (_case, hasLocks) => {
    if (!hasLocks) vi.stubGlobal('navigator', {})
    try {
      const keys = webStorageKeys(storage())
      const claims = ['a', 'b', 'c'].map(async (key) => keys.claim('order-17', key))
      expect(await Promise.all(claims)).toEqual(['a', 'a', 'a'])
      await keys.forget('order-17')
      expect(await keys.claim('order-17', 'd')).toBe('d')
    } finally {
      vi.unstubAllGlobals()
    }
  })

  it('keeps users of one browser apart by the prefix', async () => {
    const shared = storage()
    await webStorageKeys(shared, 'ada:').claim('order-17', 'a')
    expect(await webStorageKeys(shared, 'bob:').claim('order-17', 'b')).toBe('b')
    expect([...shared.items.keys()]).toEqual(['ada:order-17', 'bob:order-17'])
  })
})

describe('idempotentFetch refuses before anything is sent', () => {
  const send = idempotentFetch({ fetch: never })
  const persisting = (claimed: unknown) =>
    idempotentFetch({
      fetch: never,
      persist: { claim: () => claimed as string, forget: () => undefined },
    })

  it.each([
    [{ attemptsMax: 0 }],
    [{ attemptsMax: 1.5 }],
    [{ deadlineMs: 0 }],
    [{ attemptTimeoutMs: Number.NaN }],
    [{ retryDelayMs: -1 }],
    [{ retryDelayMaxMs: 600_001 }],
    [{ responseMaxBytes: Infinity }],
    [{ header: 'two words' }],
    [{ header: '' }],
    [{ fetch: 'fetch' as never }],
    [{ generateKey: null as never }],
    [{ persist: localStorageLike() as never }],
  ])('options out of range: %j', (options) => {
    const refusal = expect.objectContaining({ code: 'IDEMPOTENCY_OPTIONS_INVALID' })
    expect(() => idempotentFetch(options)).toThrow(refusal)
  })

  it.each([
    ['two bodies', { json: 1, body: 'x' }],
    ['a key and an action', { key: 'k', action: 'a' }],
    ['an action without a place to keep its key', { action: 'a' }],
    ['a key that is also a header', { headers: { 'idempotency-KEY': 'k' } }],
    ['a mode that drops the key', { mode: 'no-cors' as const }],
  ])('%s', async (_case, init) => {
    await expect(send(url, init)).rejects.toMatchObject({ code: 'IDEMPOTENCY_OPTIONS_INVALID' })
  })

  it.each([[''], ['k'.repeat(256)], ['a,b'], ['a b'], ['ö'], ['k\n'], [7 as never]])(
    'IDEM-32 the key %j',
    async (key) => {
      const refusal = { code: 'IDEMPOTENCY_KEY_INVALID' }
      await expect(send(url, { key })).rejects.toMatchObject(refusal)
      const generating = idempotentFetch({ fetch: never, generateKey: () => key })
      await expect(generating(url)).rejects.toMatchObject(refusal)
    },
  )

  it.each([[undefined], [null], [''], ['a,b'], [{}]])(
    'a place that gives %j for a kept key',
    async (claimed) => {
      const refusal = { code: 'IDEMPOTENCY_KEY_NOT_KEPT' }
      await expect(persisting(claimed)(url, { action: 'a' })).rejects.toMatchObject(refusal)
    },
  )

  it('an action without a name, and forgetting without a place', async () => {
    const refusal = { code: 'IDEMPOTENCY_OPTIONS_INVALID' }
    await expect(persisting('k')(url, { action: '' })).rejects.toMatchObject(refusal)
    await expect(send.forget('a')).rejects.toMatchObject(refusal)
  })

  it('a URL that is none', async () => {
    await expect(send('not a url')).rejects.toThrow(TypeError)
  })
})

describe('what an answer proves', () => {
  const answer = (status: number, headers: Record<string, string> = {}, body: unknown = {}) => ({
    status,
    headers: new Headers(headers),
    body: new TextEncoder().encode(JSON.stringify(body)),
  })
  const problem = (status: number, body: unknown, headers: Record<string, string> = {}) =>
    answer(status, { 'Content-Type': 'application/problem+json; charset=utf-8', ...headers }, body)
  const replayed = { 'Idempotent-Replayed': 'true' }
  const retryStatuses = [429, 500, 503]

  it.each([
    ['a 201', answer(201), false, { is: 'answer' }],
    ['a 201 in doubt', answer(201), true, { is: 'answer' }],
    ['a redirect', answer(303), false, { is: 'answer' }],
    ['a redirect in doubt', answer(303), true, { is: 'unconfirmed' }],
    ['a stored redirect in doubt', answer(303, replayed), true, { is: 'answer' }],
    ['a redirect of a browser in doubt', answer(0), true, { is: 'unconfirmed' }],
    ['what another URL says', { ...answer(200), redirected: true }, false, { is: 'answer' }],
    [
      'what another URL says in doubt',
      { ...answer(200), redirected: true },
      true,
      { is: 'unconfirmed' },
    ],
    ['a 402', answer(402), false, { is: 'answer' }],
    ['a 402 in doubt', answer(402), true, { is: 'unconfirmed' }],
    ['a stored 402 in doubt', answer(402, replayed), true, { is: 'answer' }],
    ['a stored 503', answer(503, replayed), true, { is: 'answer' }],
    ['a 401 in doubt', answer(401), true, { is: 'unconfirmed' }],
    ['a conflict of the application', answer(409), false, { is: 'answer' }],
    ['a 501, which nobody asked to retry', answer(501), false, { is: 'answer' }],
    ['a 422 without a code', answer(422), false, { is: 'answer' }],
    [
      'the code of a problem in a body that is none',
      answer(409, {}, { code: 'idempotency_indeterminate' }),
      false,
      { is: 'answer' },
    ],
    [
      'an unknown outcome, whatever it says of retrying',
      problem(409, { code: 'idempotency_indeterminate', retryable: true }),
      false,
      { is: 'indeterminate' },
    ],
    [
      'a key that was used for something else',
      problem(422, { code: 'idempotency_key_reused', retryable: true }),
      true,
      { is: 'refused', code: 'idempotency_key_reused' },
    ],
    [
      'a key that is too old',
      problem(410, { code: 'idempotency_key_expired' }),
      true,
      { is: 'refused', code: 'idempotency_key_expired' },
    ],
    ['a 503 that is final', problem(503, { retryable: false }), false, { is: 'answer' }],
    ['a problem that is a list', problem(400, []), false, { is: 'answer' }],
    ['a problem that is null', problem(400, null), false, { is: 'answer' }],
  ])('%s', (_case, seen, isInDoubt, expected) => {
    expect(judge(seen, retryStatuses, isInDoubt)).toEqual(expected)
  })

  it.each([
    ['a 500: it may have been executed', answer(500), true, 0],
    ['a 503 of a gateway', answer(503), true, 0],
    ['a 429: nobody was reached', answer(429, { 'Retry-After': '7' }), false, 7_000],
    ['a 409 of another server, with Retry-After', answer(409, { 'Retry-After': '1' }), true, 1_000],
    [
      'a request in progress',
      problem(409, { code: 'idempotency_in_progress', retryable: true }, { 'Retry-After': '2' }),
      true,
      2_000,
    ],
    [
      'a store that is down: nothing was executed',
      problem(503, { code: 'idempotency_store_unavailable', retryable: true }),
      false,
      0,
    ],
    ['a 418 that says so itself', problem(418, { retryable: true }), true, 0],
  ])('is asked again: %s', (_case, seen, mayHaveRun, retryAfterMs) => {
    const expected = { is: 'retry', mayHaveRun, retryAfterMs }
    expect(judge(seen, retryStatuses, false)).toEqual(expected)
  })

  it.each([
    ['0', 0],
    [' 12 ', 12_000],
    ['Sun, 06 Nov 1994 08:49:47 GMT', 10_000],
    ['Sun, 06 Nov 1994 08:49:27 GMT', 0],
    ['-1', 0],
    ['1.5', 0],
    ['1e3', 0],
    ['99999999999', 99_999_999_999_000],
    ['soon', 0],
    ['', 0],
  ])('reads Retry-After %j as %i ms', (value, expected) => {
    const nowMs = Date.UTC(1994, 10, 6, 8, 49, 37)
    expect(retryAfterOf(new Headers({ 'Retry-After': value }), nowMs)).toBe(expected)
  })
})

it('the client runs where there is no Node: it imports none of its modules', () => {
  const seen = new Set<string>()
  const visit = (file: URL): void => {
    if (seen.has(file.href)) return
    seen.add(file.href)
    const source = readFileSync(file, 'utf8')
    expect(source).not.toMatch(/from 'node:|\bBuffer\b|\bprocess\./)
    for (const [, path] of source.matchAll(/from '(\.[^']+)'/g)) visit(new URL(path!, file))
  }
  visit(new URL('../src/client/index.ts', import.meta.url))
  expect(seen.size).toBeGreaterThan(5)
})

function localStorageLike(): WebStorage {
  return { getItem: () => null, setItem: () => undefined, removeItem: () => undefined }
}
