// The stored form of a response.
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { packHttpRecord, unpackHttpRecord } from '../src/http-record.ts'

it('gives back what was packed, for any status, headers and bytes', () => {
  const header = fc.tuple(fc.string(), fc.oneof(fc.string(), fc.array(fc.string())))
  const record = fc.record({
    status: fc.integer({ min: 200, max: 599 }),
    headers: fc.array(header),
    body: fc.uint8Array({ maxLength: 2_000 }),
  })
  fc.assert(
    fc.property(record, (response) => {
      const unpacked = unpackHttpRecord(packHttpRecord(response))
      expect(unpacked?.status).toBe(response.status)
      expect(unpacked?.headers).toEqual(response.headers)
      expect(Buffer.from(unpacked!.body).equals(response.body)).toBe(true)
    }),
  )
})

it('IDEM-38 gives nothing, rather than half a response, for bytes that are cut or of another format', () => {
  const whole = packHttpRecord({ status: 201, headers: [['a', 'b']], body: Buffer.from('body') })
  for (let length = 0; length < whole.length - 4; length += 1) {
    expect(unpackHttpRecord(whole.subarray(0, length))).toBeUndefined()
  }
  expect(unpackHttpRecord(Buffer.from([2, ...whole.subarray(1)]))).toBeUndefined()
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      unpackHttpRecord(bytes) // never throws
    }),
  )
})

it.each([
  ['no list', '{"a":"b"}'],
  ['no pairs', '["a","b"]'],
  ['a pair of three', '[["a","b","c"]]'],
  ['a name that is no text', '[[1,"b"]]'],
  ['a value that is no text', '[["a",null]]'],
  ['values that are no texts', '[["a",["b",2]]]'],
])('IDEM-38 gives nothing for headers that are %s', (_case, headers) => {
  const fixed = Buffer.from([1, 0, 201, 0, 0, 0, headers.length])
  expect(unpackHttpRecord(Buffer.concat([fixed, Buffer.from(headers)]))).toBeUndefined()
})
