// A stored response that was changed in Redis. Real HTTP, real Redis.
import { expect, it } from 'vitest'
import { countingHandler, serveProtected } from './support/protected-app.ts'
import { connect, isolatedStore } from './support/redis.ts'

it.each([
  ['a header whose name cannot be sent', '[["content type","application/json; charset=utf-8"'],
  ['a header whose value cannot be sent', '[["content-type","application/json\\u0000charset=utf'],
  ['a header list that is none', '{"content-type":"application/json; charset=utf-8"}'],
])('IDEM-38 answers 409, not 500, for a record with %s', async (_case, changed) => {
  const client = connect()
  const store = isolatedStore({ client })
  const handler = countingHandler()
  await using app = await serveProtected(handler, { store })
  expect((await app.send({ key: 'k1' })).status).toBe(201)
  const [key] = await client.keys(`${store.prefix}*`)
  const record = (await client.getBuffer(key!))!
  const at = record.indexOf('[[')
  const broken = Buffer.concat([record.subarray(0, at), Buffer.from(changed)])
  await client.set(key!, Buffer.concat([broken, record.subarray(broken.length)]), 'KEEPTTL')
  const answer = await app.send({ key: 'k1' })
  expect(answer.status).toBe(409)
  expect(answer.json()).toMatchObject({ code: 'idempotency_indeterminate', retryable: false })
  expect(handler.calls).toBe(1)
})
