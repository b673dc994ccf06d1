// Which keys carry a time, and which.
import { describe, expect, it } from 'vitest'
import { mintedAt } from '../src/minted-at.ts'

describe('mintedAt', () => {
  it.each([
    // The examples of RFC 9562 and of the ULID specification.
    ['017F22E2-79B0-7CC3-98C4-DC0C0C07398F', 1_645_557_742_000],
    ['017f22e279b07cc398c4dc0c0c07398f', 1_645_557_742_000],
    ['01ARZ3NDEKTSV4RRFFQ69G5FAV', 1_469_922_850_259],
    ['01arz3ndektsv4rrffq69g5fav', 1_469_922_850_259],
  ])('reads %s', (key, ms) => {
    expect(mintedAt(key)).toBe(ms)
  })

  it.each([
    ['a random UUID', '919108f7-52d1-4320-9bac-f847db4148a8'],
    ['a UUID with more behind it', '017f22e2-79b0-7cc3-98c4-dc0c0c07398f-1'],
    ['a UUID of no variant', '017f22e2-79b0-7cc3-08c4-dc0c0c07398f'],
    ['a text of the shape of a ULID, from 1970', '00000000010000000000000000'],
    ['a text of the shape of a ULID, from far ahead', '7ZZZZZZZZZZZZZZZZZZZZZZZZZ'],
    ['letters that a ULID has not', '01ARZ3NDEKTSV4RRFFQ69G5FAU'],
    ['an order number', 'order-17'],
  ])('finds no time in %s', (_case, key) => {
    expect(mintedAt(key)).toBeUndefined()
  })
})
