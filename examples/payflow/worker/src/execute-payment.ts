import type { PaymentExecute } from '@payflow-app/contracts/messages'
import { withLogContext } from '@payflow-app/service-kit'
import { deadLetter, type MessageData, type ReceivedMessage } from '@payflow/queue'
import type { TwoStepHandler } from '@payflow/queue'
import type { Kysely } from 'kysely'
import { decidePayment } from './decide-payment.ts'
import type { Outcome, OutcomeLog } from './outcome-log.ts'
import type { Payment, Settlement } from './payment.ts'
import type { PaymentsDatabase } from './payments-database.ts'
import { publishSettled } from './publish-settled.ts'
import { readPayment } from './sql/read-payment.ts'
import { settlePayment } from './sql/settle-payment.ts'
import type { WalletClient } from './wallet-client.ts'

/** What the handler works with. */
export interface ExecutePaymentOptions {
  readonly db: Kysely<PaymentsDatabase>
  readonly wallet: WalletClient
  readonly outcomes: OutcomeLog
}

/** What `decide` found out: how the payment ends, or that it had ended before. */
export type Decision =
  | { readonly kind: 'settled_before' }
  | { readonly kind: 'decided'; readonly payment: Payment; readonly settlement: Settlement }

type Message = ReceivedMessage<MessageData<typeof PaymentExecute>>

/**
 * Executes payments. `decide` asks the ledger while no transaction is open; `record` writes the
 * answer down, by compare-and-set, together with the event about it. A message for a payment that
 * has ended does nothing and is acknowledged.
 */
export function executePayment(
  options: ExecutePaymentOptions,
): TwoStepHandler<typeof PaymentExecute, PaymentsDatabase, Decision> {
  return {
    decide: (message, { signal }) =>
      withLogContext({ messageId: message.id, ...idsOf(message) }, () =>
        decide(options, message, signal),
      ),
    record: async (message, decision, { trx, outbox }) => {
      const written = (outcome: Omit<Outcome, 'paymentId' | 'requestId'>): void =>
        options.outcomes.written(message.id, { ...idsOf(message), ...outcome })
      if (decision.kind === 'settled_before') {
        written({ kind: 'late' })
        return
      }
      const { payment, settlement } = decision
      const settled = await settlePayment(trx, payment.paymentId, settlement)
      if (settled === undefined) {
        written({ kind: 'late' })
        return
      }
      const { settledAt, acceptedAt } = settled
      await publishSettled(outbox, payment, settlement, settledAt)
      const { status: kind, ...failure } = settlement
      written({ kind, ...failure, sinceAcceptedMs: settledAt.getTime() - acceptedAt.getTime() })
    },
  }
}

async function decide(
  { db, wallet }: ExecutePaymentOptions,
  { data }: Message,
  signal: AbortSignal,
): Promise<Decision> {
  const known = await readPayment(db, data.paymentId)
  // The row is written in the transaction that wrote the message, so this is no question of time.
  if (known === undefined) throw deadLetter('payment-unknown')
  if (known.status !== 'PENDING') return { kind: 'settled_before' }
  const settlement = await decidePayment(wallet, known.payment, signal)
  return { kind: 'decided', payment: known.payment, settlement }
}

function idsOf({ data, headers }: Message): { paymentId: string; requestId?: string } {
  const requestId = headers['request-id']
  return { paymentId: data.paymentId, ...(requestId !== undefined && { requestId }) }
}
