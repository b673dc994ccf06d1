import { FAILURE_CODES, NOTIFICATION_KINDS } from '@payflow-app/contracts'
import { describe, expect, it } from 'vitest'
import type { NotificationRow } from '../src/database.ts'
import { sentenceOf } from '../src/sentences.ts'

const row: NotificationRow = {
  id: '',
  userId: '',
  kind: 'payment_sent',
  paymentId: '',
  counterpartyId: '',
  amountMinor: '100000000000',
  currency: 'USD',
  failureCode: null,
  createdAt: new Date(),
  readAt: null,
}

describe('sentenceOf', () => {
  it('writes minor units with the decimals of the currency', () => {
    expect(sentenceOf(row)).toBe('Your payment of $1,000,000,000.00 has arrived.')
    expect(sentenceOf({ ...row, kind: 'payment_received', amountMinor: '1' })).toBe(
      'You have received $0.01.',
    )
    expect(sentenceOf({ ...row, currency: 'JPY', amountMinor: '250' })).toContain('¥250')
  })

  it('REV-10 says of a reversed payment that nothing was moved', () => {
    const reversed = { ...row, kind: 'payment_failed', failureCode: 'reversed_timeout' } as const
    expect(sentenceOf(reversed)).toBe(
      'We could not complete your payment of $1,000,000,000.00 in time; your money was not moved.',
    )
  })

  it.each(NOTIFICATION_KINDS)('has a sentence for %s with the amount in it', (kind) => {
    const failureCode = kind.endsWith('_failed') ? 'reversed_timeout' : null
    const text = sentenceOf({ ...row, kind, failureCode, amountMinor: '1234' })
    expect(text).toMatch(/^(You|We)[^_]* \$12\.34[^_]*\.$/)
  })

  it.each(FAILURE_CODES.filter((code) => code !== 'reversed_timeout'))(
    'gives a reason for %s that is no code',
    (failureCode) => {
      const text = sentenceOf({ ...row, kind: 'payment_failed', failureCode })
      expect(text).toMatch(/^Your payment of \$[\d,.]+ failed: [a-z ]+\. No money has left/)
      expect(text).not.toContain('_')
    },
  )
})
