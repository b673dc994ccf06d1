import type { PaymentKind } from '@payflow-app/contracts'
import type { Refusal } from './database.ts'

/** The most that one operation may move, in minor units. */
export type AmountLimits = Readonly<Partial<Record<PaymentKind, number>>>

/**
 * Refuses an amount above the limit of its kind. Decided once for a key, as every refusal is: a
 * limit that is lowered later changes nothing about what was accepted.
 */
export function refuseAboveLimit(
  limits: AmountLimits,
  { kind, amount, currency }: { kind: PaymentKind; amount: number; currency: string },
): Refusal | undefined {
  const limit = limits[kind]
  if (limit === undefined || amount <= limit) return undefined
  const most = new Intl.NumberFormat('en-US', { style: 'currency', currency })
  const decimals = most.resolvedOptions().maximumFractionDigits ?? 2
  const detail = `At most ${most.format(limit / 10 ** decimals)} at once`
  return { code: 'amount-limit-exceeded', detail }
}
