/** How one route of the public API is described. */
import type { z } from 'zod'
import type { ProblemCode } from '../problem-codes.ts'

/**
 * Who may call a route.
 *
 * - `anyone`: no credential is looked at.
 * - `session`: whoever has the refresh cookie.
 * - `user`: whoever has an access token; the answer is about that user only.
 */
export type ApiAccess = 'anyone' | 'session' | 'user'

/** Which limits on the number of requests a route falls under. */
export type ApiRateLimit =
  | 'sign-in'
  | 'password'
  | 'forgot-password'
  | 'session'
  | 'payment'
  | 'search'
  | 'use'

/** The heading of the document a route stands under. */
export type ApiTag =
  | 'Session'
  | 'Account'
  | 'People'
  | 'Wallet'
  | 'Payments'
  | 'Notifications'
  | 'Status'

/** What a route answers when all went well. */
export interface ApiSuccess {
  readonly status: 200 | 201 | 202 | 204
  readonly description: string
  /** The JSON body; absent when there is none. */
  readonly body?: z.ZodType
  /** The data of each event of a stream (`text/event-stream`), which is the answer instead. */
  readonly events?: z.ZodType
  /** When a stream is answered with 204: whoever has seen its last event need not come again. */
  readonly noneLeft?: string
  /** The body is a table, not JSON. */
  readonly csv?: true
}

/** One route of the public API: what it takes, what it answers, who may call it. */
export interface ApiRoute {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  /** Parameters as `:name`. */
  readonly path: `/api/${string}`
  readonly tag: ApiTag
  readonly summary: string
  readonly description?: string
  readonly access: ApiAccess
  readonly rateLimit: ApiRateLimit
  readonly params?: z.ZodType
  readonly query?: z.ZodType
  readonly body?: z.ZodType
  /** The Idempotency-Key header is required, and decides who executes. */
  readonly idempotencyKey?: true
  /** Cookies go both ways. */
  readonly cookies?: true
  readonly success: ApiSuccess
  /** What it may refuse beside that which every route may: see `problemsOf`. */
  readonly problems: readonly ProblemCode[]
}
