import { createTransactionRequest, fundsRequest } from '@payflow-app/contracts'
import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { fingerprintOf } from '../src/fingerprint.ts'
import { paymentRequest, topUpRequest, withdrawalRequest } from '../src/payment-request.ts'

const toUserId = '7d3c1a52-64f5-4c5b-9f0e-0a6f2f8b3c11'
const asker = { userId: '9d3c1a52-64f5-4c5b-9f0e-0a6f2f8b3c11', key: 'k' }
const body = { toUserId, amount: 5_000, currency: 'USD', note: 'rent' }

function of(more: object): string {
  const request = createTransactionRequest.parse({ ...body, ...more })
  return fingerprintOf(paymentRequest(asker, request)).toString('hex')
}

describe('fingerprintOf', () => {
  it('is the same for the same request, however it is written', () => {
    expect(of({})).toBe(of({ toUserId: toUserId.toUpperCase(), note: '  rent ' }))
    // What was written before there were kinds: those keys must stay replayable.
    expect(of({})).toBe(
      createHash('sha256').update(`[1,"${toUserId}",5000,"USD","rent"]`).digest('hex'),
    )
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
    const funds = fundsRequest.parse({ amount: 5_000, currency: 'USD' })
    for (const request of [topUpRequest(asker, funds), withdrawalRequest(asker, funds)]) {
      all.push(fingerprintOf(request).toString('hex'))
      all.push(fingerprintOf({ ...request, amount: 5_001 }).toString('hex'))
    }
    expect(new Set(all)).toHaveLength(all.length)
  })
})
