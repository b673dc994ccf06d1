// Goal: the possible lives of a payment are those that the code can write, and no others.
import { describe, expect, test } from 'vitest'
import { isPaymentHistory, PAYMENT_STATUSES } from '../src/index.ts'

describe('isPaymentHistory', () => {
  test.each([
    [['PENDING'], 'accepted'],
    [['PENDING'], 'accepted dispatched'],
    [['COMPLETED'], 'accepted completed'],
    [['COMPLETED'], 'accepted dispatched completed'],
    [['COMPLETED'], 'accepted completed dispatched'],
    [['FAILED'], 'accepted dispatched failed'],
    [['FAILED'], 'accepted reversed dispatched'],
    [[], ''],
    [[], 'dispatched'],
    [[], 'accepted accepted'],
    [[], 'dispatched accepted'],
    [[], 'accepted completed failed'],
    [[], 'accepted dispatched completed dispatched'],
    [[], 'accepted failed reversed'],
  ])('allows %j: %s', (allowed, life) => {
    const types = life === '' ? [] : life.split(' ')
    const allowing = PAYMENT_STATUSES.filter((status) => isPaymentHistory(status, types))
    expect(allowing).toEqual(allowed)
  })
})
