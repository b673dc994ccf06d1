// Encrypted records: the whole contract, and what happens to records that were changed, moved, or
// written with another key. A real Redis.
import { randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { redisStore } from '../src/redis/index.ts'
import type { EncryptionOptions } from '../src/redis/index.ts'
import { acquire, claimRequest, describeStore } from '../src/testing/index.ts'
import { countingHandler, serveProtected } from './support/protected-app.ts'
import { connect, isolatedStore } from './support/redis.ts'

const [oldKey, newKey] = [randomBytes(32), randomBytes(32)]
const before: EncryptionOptions = { keys: { '2026-10': oldKey }, currentKeyId: '2026-10' }
const after: EncryptionOptions = {
  keys: { '2026-10': oldKey, '2026-11': newKey },
  currentKeyId: '2026-11',
}
const secret = 'card ending in 4242'
const done = { payload: Buffer.from(secret), omitted: false, retentionMs: 60_000 }
const lease = { leaseMs: 60_000, graceMs: 60_000 }
const unreadable = { verdict: 'indeterminate', reason: 'unreadable' }

describeStore('redisStore with encryption', () => isolatedStore({ encryption: after }), {
  describe,
  it,
})

describe('encryption', () => {
  const finished = async (encryption?: EncryptionOptions) => {
    const store = isolatedStore(encryption === undefined ? {} : { encryption })
    const request = claimRequest()
    await store.complete(await acquire(store, request), done)
    const rival = { ...request, token: randomBytes(16), onIndeterminate: 'execute' as const }
    return { rival, prefix: store.prefix, key: store.prefix + request.id, store }
  }

  it('leaves no readable answer and no readable step in Redis', async () => {
    const client = connect()
    const { key, prefix, store } = await finished(after)
    expect((await client.getBuffer(key))?.includes('4242')).toBe(false)
    const running = await acquire(store, claimRequest())
    await store.checkpoint(running, { payload: Buffer.from(secret), ...lease })
    const record = await client.getBuffer(prefix + running.id)
    expect(record?.includes('4242')).toBe(false)
    expect(String((await store.inspect(running.id))?.payload)).toBe(secret)
  })

  it('replays through the middleware byte for byte', async () => {
    const handler = countingHandler()
    await using app = await serveProtected(handler, {
      store: isolatedStore({ encryption: after }),
    })
    const first = await app.send({ key: 'k1' })
    const second = await app.send({ key: 'k1' })
    expect(second.body.equals(first.body)).toBe(true)
    expect(handler.calls).toBe(1)
  })

  it('reads records of the key before, while both are known', async () => {
    const { prefix, rival } = await finished(before)
    const result = await isolatedStore({ prefix, encryption: after }).claim(rival)
    expect(result.verdict === 'completed' && String(result.payload)).toBe(secret)
  })

  it('IDEM-38 fails closed on a key that is not known here', async () => {
    const { prefix, rival } = await finished(after)
    const store = isolatedStore({ prefix, encryption: before })
    expect(await store.claim(rival)).toEqual(unreadable)
    await expect(store.inspect(rival.id)).rejects.toMatchObject({
      code: 'IDEMPOTENCY_RECORD_UNREADABLE',
    })
  })

  it.each([
    ['changed', (record: Buffer) => record.fill(record.at(-1)! ^ 1, record.length - 1)],
    ['cut off', (record: Buffer) => record.subarray(0, record.length - 1)],
    ['cut off before its key', (record: Buffer) => record.subarray(0, 80)],
    ['without a payload', (record: Buffer) => record.subarray(0, 78)],
  ])('IDEM-38 fails closed on a record that was %s', async (_case, corrupt) => {
    const client = connect()
    const { key, rival, store } = await finished(after)
    const record = await client.getBuffer(key)
    await client.set(key, corrupt(record!))
    expect(await store.claim(rival)).toEqual(unreadable)
  })

  it('IDEM-28 does not give a record the answer of another', async () => {
    const client = connect()
    const theirs = await finished(after)
    const mine = await finished(after)
    await client.set(mine.key, (await client.getBuffer(theirs.key))!)
    expect(await mine.store.claim(mine.rival)).toEqual(unreadable)
  })

  it('IDEM-38 keeps the steps of a claim that it cannot read, and executes nothing', async () => {
    const store = isolatedStore({ encryption: after })
    const handle = await acquire(store, claimRequest({ state: 'started' }))
    await store.checkpoint(handle, { payload: Buffer.from(secret), ...lease })
    await store.release(handle)
    const rival = { ...claimRequest(), id: handle.id, fingerprint: handle.fingerprint }
    const blind = isolatedStore({ prefix: store.prefix, encryption: before })
    expect(await blind.claim(rival)).toEqual(unreadable)
    const next = await store.claim({ ...rival, token: randomBytes(16) })
    expect(next.verdict === 'acquired' && String(next.checkpoint)).toBe(secret)
  })

  it('reads plain records only where it is told to', async () => {
    const { prefix, rival } = await finished()
    expect(await isolatedStore({ prefix, encryption: after }).claim(rival)).toEqual(unreadable)
    const during = isolatedStore({ prefix, encryption: { ...after, readPlain: true } })
    expect((await during.claim(rival)).verdict).toBe('completed')
  })

  it('refuses keys that are none', () => {
    const client = connect()
    const refusal = expect.objectContaining({ code: 'IDEMPOTENCY_OPTIONS_INVALID' })
    for (const encryption of [
      { keys: { a: randomBytes(16) }, currentKeyId: 'a' },
      { keys: { a: randomBytes(32) }, currentKeyId: 'b' },
      { keys: { 'a b': randomBytes(32) }, currentKeyId: 'a b' },
      { keys: {}, currentKeyId: 'toString' },
    ]) {
      expect(() => redisStore({ client, encryption })).toThrow(refusal)
    }
  })
})
