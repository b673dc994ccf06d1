import { createHash } from 'node:crypto'
import type { PaymentRequest } from './payment-request.ts'

/**
 * What a request means, as 32 bytes: two requests with one key are the same request if these are
 * equal. Taken after validation, so spelling (order of fields, case of an id, spaces) is no
 * difference. The leading number is the version of this form: payments keep the first, which knew
 * of nothing else.
 */
export function fingerprintOf(request: PaymentRequest): Buffer {
  return createHash('sha256')
    .update(JSON.stringify(formOf(request)))
    .digest()
}

function formOf(request: PaymentRequest): readonly unknown[] {
  const { toUserId, amount = null, currency, note = null } = request
  switch (request.kind) {
    case 'payment':
      return [1, toUserId, amount, currency, note]
    case 'refund':
      return [2, 'refund', request.refundOf, amount, note]
    case 'top_up':
    case 'withdrawal':
      return [2, request.kind, amount, currency]
  }
}
