import {
  createTransactionRequest,
  fundsRequest,
  idParams,
  isProblemCode,
  refundRequest,
  transactionListQuery,
  type TransactionPage,
} from '@payflow-app/contracts'
import {
  addLogContext,
  decodeCursor,
  encodeCursor,
  parse,
  problem,
  requireUser,
  route,
  sendProblem,
  userOf,
  type UserTokens,
} from '@payflow-app/service-kit'
import type { Express, Request, Response } from 'express'
import { z } from 'zod'
import { createPayment, type CreatePaymentOptions } from './create-payment.ts'
import type { PaymentRow, Refusal } from './database.ts'
import { idempotencyKeyOf } from './idempotency-key.ts'
import {
  paymentRequest,
  refundOf,
  topUpRequest,
  withdrawalRequest,
  type PaymentRequest,
} from './payment-request.ts'
import type { PaymentCounters } from './metrics.ts'
import { findPayment } from './sql/find-payment.ts'
import { listRefunds } from './sql/list-refunds.ts'
import { listPayments, type ListedPayment } from './sql/list-payments.ts'
import { toAcceptedTransaction, toTransactionDetails, toTransactionView } from './views.ts'

/** What the routes need. */
export interface TransactionRouteOptions extends CreatePaymentOptions {
  readonly userTokens: UserTokens
  readonly count: PaymentCounters
}

/** PostgreSQL knows no year 0, which ISO 8601 does. */
const place = z.tuple([z.iso.datetime({ precision: 6 }).regex(/^[1-9]/), z.uuid()])

/**
 * `POST` and `GET /transactions`, `GET /transactions/:id`, `POST /transactions/:id/refunds`,
 * `POST /wallets/me/top-ups` and `…/withdrawals`: all for the user of the token only.
 */
export function transactionRoutes(app: Express, options: TransactionRouteOptions): void {
  const user = requireUser(options.userTokens)
  route(app, '/transactions', {
    post: [user, async (req, res) => await accept(options, transactionOf(req), res)],
    get: [user, async (req, res) => void res.json(await transactionPage(options, req))],
  })
  route(app, '/wallets/me/top-ups', {
    post: [
      user,
      async (req, res) =>
        await accept(options, topUpRequest(askerOf(req), parse(fundsRequest, req.body)), res),
    ],
  })
  route(app, '/wallets/me/withdrawals', {
    post: [
      user,
      async (req, res) =>
        await accept(options, withdrawalRequest(askerOf(req), parse(fundsRequest, req.body)), res),
    ],
  })
  route(app, '/transactions/:id', {
    get: [
      user,
      async (req, res) => {
        const payment = await paymentOf(options, req)
        const refunds = payment.kind === 'payment' ? await listRefunds(options.db, payment.id) : []
        res.json(toTransactionDetails(payment, refunds, userOf(req).userId))
      },
    ],
  })
  route(app, '/transactions/:id/refunds', {
    post: [user, async (req, res) => await accept(options, await refundFrom(options, req), res)],
  })
}

/** The payment of the path, for its two parties. */
async function paymentOf({ db }: TransactionRouteOptions, req: Request): Promise<PaymentRow> {
  const { id } = parse(idParams, req.params, 'path')
  addLogContext({ paymentId: id })
  const payment = await findPayment(db, id)
  const { userId } = userOf(req)
  // The same answer to what is not there and to what is not theirs.
  if (!payment || ![payment.fromUserId, payment.toUserId].includes(userId)) {
    throw problem('not-found', { detail: 'There is no such transaction' })
  }
  return payment
}

/** Who refunds what; decided by what never changes about a completed payment. */
async function refundFrom(options: TransactionRouteOptions, req: Request): Promise<PaymentRequest> {
  const asker = askerOf(req)
  const request = parse(refundRequest, req.body)
  const payment = await paymentOf(options, req)
  if (payment.kind !== 'payment') {
    throw problem('not-refundable', { detail: 'Only a payment to somebody can be refunded' })
  }
  if (payment.toUserId !== asker.userId) {
    throw problem('forbidden', { detail: 'Only who received a payment can refund it' })
  }
  if (payment.status !== 'COMPLETED') {
    throw problem('not-refundable', { detail: 'Only a completed payment can be refunded' })
  }
  return refundOf(payment, asker, request)
}

/** Who asks, and under which key. The key is looked at before the body, as the gateway does. */
function askerOf(req: Request): Pick<PaymentRequest, 'userId' | 'key'> {
  return { key: idempotencyKeyOf(req), userId: userOf(req).userId }
}

function transactionOf(req: Request): PaymentRequest {
  const request = paymentRequest(askerOf(req), parse(createTransactionRequest, req.body))
  if (request.toUserId === request.fromUserId) {
    throw problem('self-transfer', { detail: 'Choose a recipient other than yourself' })
  }
  return request
}

async function accept(
  options: TransactionRouteOptions,
  request: PaymentRequest,
  res: Response,
): Promise<void> {
  const result = await createPayment(options, request)
  options.count.request(result)
  if (result.replayed) res.setHeader('idempotent-replayed', 'true')
  if (result.outcome === 'refused') sendProblem(res, refusalProblem(result.refusal))
  else res.status(202).json(toAcceptedTransaction(result.payment))
}

function refusalProblem({ code, detail }: Refusal) {
  return problem(isProblemCode(code) ? code : 'internal-error', { detail })
}

async function transactionPage(
  { db }: TransactionRouteOptions,
  req: Request,
): Promise<TransactionPage> {
  const { limit, cursor, ...filters } = parse(transactionListQuery, req.query, 'query')
  const [createdAt, id] = decodeCursor(place, cursor) ?? []
  const { userId } = userOf(req)
  const rows = await listPayments(db, {
    userId,
    ...filters,
    after: createdAt !== undefined && id !== undefined ? { createdAt, id } : undefined,
    limit: limit + 1, // One more than shown tells whether there is another page.
  })
  const shown = rows.slice(0, limit)
  const nextCursor = rows.length > limit ? cursorOf(shown.at(-1)) : null
  return { items: shown.map((row) => toTransactionView(row, userId)), nextCursor }
}

function cursorOf(last: ListedPayment | undefined): string | null {
  return last ? encodeCursor([last.place, last.id]) : null
}
