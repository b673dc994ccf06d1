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
  const { kind, amount, currency } = request
  if (kind !== 'payment') return [2, kind, amount, currency]
  const { toUserId, note = null } = request
  return [1, toUserId, amount, currency, note]
}
