import { createTransactionRequest, idParams, transactionListQuery } from '@payflow-app/contracts'
import {
  parse,
  requireUser,
  route,
  type HttpClient,
  type RawAnswer,
  type UserTokens,
} from '@payflow-app/service-kit'
import { getIdempotency } from '@payflow/idempotency/express'
import type { Express, RequestHandler } from 'express'
import { forward } from '../forward.ts'
import { queryString } from '../query-string.ts'

/** What the routes need. */
export interface TransactionRouteOptions {
  readonly transaction: HttpClient
  readonly userTokens: UserTokens
  readonly onePerKey: RequestHandler
}

/** `/api/transactions` */
export function transactionRoutes(app: Express, options: TransactionRouteOptions): void {
  const { transaction, userTokens, onePerKey } = options
  const user = requireUser(userTokens)
  route(app, '/api/transactions', {
    get: [
      user,
      async (req, res) => {
        const query = queryString(parse(transactionListQuery, req.query, 'query'))
        await forward(transaction, req, res, { method: 'GET', path: `/transactions${query}` })
      },
    ],
    post: [user, validatePayment, onePerKey, createPayment(transaction)],
  })
  route(app, '/api/transactions/:id', {
    get: [
      user,
      async (req, res) => {
        const { id } = parse(idParams, req.params, 'path')
        await forward(transaction, req, res, { method: 'GET', path: `/transactions/${id}` })
      },
    ],
  })
}

/**
 * Comes before the claim of the key: an invalid request uses up no key. The parsed body replaces
 * the given one, so that two spellings of one request have one fingerprint.
 */
const validatePayment: RequestHandler = (req, _res, next) => {
  req.body = parse(createTransactionRequest, req.body)
  next()
}

function createPayment(transaction: HttpClient): RequestHandler {
  return async (req, res) => {
    const context = getIdempotency(req)
    if (!context) throw new TypeError('The route has no idempotency in front of it')
    await forward(transaction, req, res, {
      method: 'POST',
      path: '/transactions',
      json: req.body as unknown,
      // In its canonical form: quoted or not, transaction-service sees the same key.
      headers: { 'idempotency-key': context.key },
      onAnswer: (answer) => {
        if (saysKeyReused(answer)) context.setOutcome('release')
      },
    })
  }
}

/**
 * transaction-service knows the key from another request, which Redis has forgotten. Its refusal
 * must not be kept: it would stand in the way of the request that the key belongs to.
 */
function saysKeyReused({ status, body }: RawAnswer): boolean {
  return status === 422 && body.includes('"idempotency_key_reused"')
}
