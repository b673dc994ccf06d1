import { createTransactionRequest } from '@payflow-app/contracts'
import { describe, expect, it } from 'vitest'
import { fingerprintOf } from '../src/fingerprint.ts'

const toUserId = '7d3c1a52-64f5-4c5b-9f0e-0a6f2f8b3c11'
const body = { toUserId, amount: 5_000, currency: 'USD', note: 'rent' }

function of(more: object): string {
  return fingerprintOf(createTransactionRequest.parse({ ...body, ...more })).toString('hex')
}

describe('fingerprintOf', () => {
  it('is the same for the same request, however it is written', () => {
    const { note, amount } = body
    expect(of({})).toBe(of({ toUserId: toUserId.toUpperCase(), note: '  rent ' }))
    expect(of({})).toBe(fingerprintOf({ note, currency: 'USD', amount, toUserId }).toString('hex'))
  })

  it('differs in every field', () => {
    const all = [
      of({}),
      of({ toUserId: '8d3c1a52-64f5-4c5b-9f0e-0a6f2f8b3c11' }),
      of({ amount: 5_001 }),
      of({ note: 'Rent' }),
      of({ note: '' }),
      of({ note: undefined }),
    ]
    expect(new Set(all)).toHaveLength(all.length)
  })
})
