import type { PaymentExecute } from '@payflow-app/contracts/messages'
import { withLogContext, type Logger } from '@payflow-app/service-kit'
import { deadLetter, type MessageData, type ReceivedMessage } from '@payflow/queue'
import type { TwoStepHandler } from '@payflow/queue'
import type { Kysely } from 'kysely'
import { decidePayment } from './decide-payment.ts'
import type { Payment, Settlement } from './payment.ts'
import type { PaymentsDatabase } from './payments-database.ts'
import { publishSettled } from './publish-settled.ts'
import { readPayment } from './sql/read-payment.ts'
import { settlePayment } from './sql/settle-payment.ts'
import type { WalletClient } from './wallet-client.ts'
import type { WorkerMetrics } from './worker-metrics.ts'

/** What the handler works with. */
export interface ExecutePaymentOptions {
  readonly db: Kysely<PaymentsDatabase>
  readonly wallet: WalletClient
  readonly metrics: WorkerMetrics
  readonly logger: Logger
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
      withLogContext(contextOf(message), () => decide(options, message, signal)),
    record: (message, decision, { trx, outbox }) =>
      withLogContext(contextOf(message), async () => {
        if (decision.kind === 'settled_before') {
          late(options)
          return
        }
        const { payment, settlement } = decision
        const settledAt = await settlePayment(trx, payment.paymentId, settlement)
        if (settledAt === undefined) {
          late(options)
          return
        }
        await publishSettled(outbox, payment, settlement, settledAt)
        options.metrics.recorded(settlement.status)
        options.logger.info(settlement, `payment ${settlement.status}`)
      }),
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

function late({ metrics, logger }: ExecutePaymentOptions): void {
  metrics.recorded('late')
  logger.info('late message: the payment has ended before')
}

function contextOf(message: Message) {
  const requestId = message.headers['x-request-id']
  return {
    messageId: message.id,
    paymentId: message.data.paymentId,
    ...(requestId !== undefined && { requestId }),
  }
}
