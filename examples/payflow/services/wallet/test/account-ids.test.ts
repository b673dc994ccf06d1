import { describe, expect, it } from 'vitest'
import {
  fundingAccountId,
  openingTransferId,
  sandboxBankAccountId,
  walletAccountId,
} from '../src/account-ids.ts'
import { toJsonNumber } from '../src/minor-units.ts'

const userId = '7d3c1a52-64f5-4c5b-9f0e-0a6f2f8b3c11'

describe('account ids', () => {
  it('never change: money is stored under them', () => {
    expect(walletAccountId(userId, 'USD')).toBe('ba189a72-f03e-544c-a6ff-238af461cfcb')
    expect(openingTransferId(userId, 'USD')).toBe('4f578a49-a0b7-5fc3-9979-b2b71301fe5f')
    expect(fundingAccountId('USD')).toBe('60ba8313-8ef5-5858-bf1e-8e686563dc37')
  })

  it('differ by user, currency and purpose', () => {
    const ids = [
      walletAccountId(userId, 'USD'),
      walletAccountId(userId, 'EUR'),
      walletAccountId(userId.replace('7', '8'), 'USD'),
      openingTransferId(userId, 'USD'),
      fundingAccountId('USD'),
      sandboxBankAccountId('USD'),
    ]
    expect(new Set(ids)).toHaveLength(ids.length)
  })
})

describe('toJsonNumber', () => {
  it('refuses what JSON could not carry exactly', () => {
    expect(toJsonNumber(-(2n ** 53n) + 1n)).toBe(Number.MIN_SAFE_INTEGER)
    for (const tooLarge of [2n ** 53n, -(2n ** 53n), 2n ** 63n]) {
      expect(() => toJsonNumber(tooLarge)).toThrow(RangeError)
    }
  })
})
