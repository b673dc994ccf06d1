import { idempotencyKeyField } from '@payflow-app/contracts'
import { problem } from '@payflow-app/service-kit'
import type { Request } from 'express'

/**
 * Reads the Idempotency-Key header. Required: without it a repeated request would be a second
 * payment.
 *
 * @throws {@link ProblemError} 400 `idempotency-key-missing` or `idempotency-key-invalid`.
 */
export function idempotencyKeyOf(req: Request): string {
  const key = req.get('idempotency-key')
  if (key === undefined) {
    throw problem('idempotency-key-missing', {
      detail: 'Send an Idempotency-Key header: a new value for each payment, kept for its retries',
    })
  }
  const parsed = idempotencyKeyField.safeParse(key)
  if (parsed.success) return parsed.data
  throw problem('idempotency-key-invalid', {
    detail: 'Send one Idempotency-Key header of 1 to 255 visible ASCII characters',
  })
}
