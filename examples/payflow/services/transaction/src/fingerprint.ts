import { createHash } from 'node:crypto'
import type { CreateTransactionRequest } from '@payflow-app/contracts'

/**
 * What a request means, as 32 bytes: two requests with one key are the same request if these are
 * equal. Taken after validation, so spelling (order of fields, case of an id, spaces) is no
 * difference. The leading number is the version of this form.
 */
export function fingerprintOf(request: CreateTransactionRequest): Buffer {
  const { toUserId, amount, currency, note = null } = request
  const form = JSON.stringify([1, toUserId, amount, currency, note])
  return createHash('sha256').update(form).digest()
}
