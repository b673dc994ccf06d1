import {
  SANDBOX_BANK_ID,
  type Currency,
  type CreateTransactionRequest,
  type FundsRequest,
} from '@payflow-app/contracts'

interface Asked {
  /** Who asks. Keys are theirs: two users may use the same. */
  readonly userId: string
  readonly key: string
  readonly fromUserId: string
  readonly toUserId: string
  readonly amount: number
  readonly currency: Currency
  readonly note?: string | undefined
}

/** A validated request to move money, whatever it is for. */
export interface PaymentRequest extends Asked {
  readonly kind: 'payment' | 'top_up' | 'withdrawal'
}

/** Who asks, and under which key. */
type Asker = Pick<Asked, 'userId' | 'key'>

/** A payment to somebody. */
export function paymentRequest(asker: Asker, body: CreateTransactionRequest): PaymentRequest {
  return { kind: 'payment', ...asker, ...body, fromUserId: asker.userId }
}

/** Money from the sandbox bank. */
export function topUpRequest(asker: Asker, { amount, currency }: FundsRequest): PaymentRequest {
  const parties = { fromUserId: SANDBOX_BANK_ID, toUserId: asker.userId }
  return { kind: 'top_up', ...asker, ...parties, amount, currency }
}

/** Money to the sandbox bank. */
export function withdrawalRequest(
  asker: Asker,
  { amount, currency }: FundsRequest,
): PaymentRequest {
  const parties = { fromUserId: asker.userId, toUserId: SANDBOX_BANK_ID }
  return { kind: 'withdrawal', ...asker, ...parties, amount, currency }
}
