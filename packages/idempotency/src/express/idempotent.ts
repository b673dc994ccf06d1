import type { Request, RequestHandler, Response } from 'express'
import type { IdempotencyContext, SettledOutcome } from '../context.ts'
import { IdempotencyError } from '../errors.ts'
import { packHttpRecord, unpackHttpRecord } from '../http-record.ts'
import type { Idempotency } from '../idempotency.ts'
import type { Claim, Decision } from '../operation.ts'
import { resolvePolicy } from '../options.ts'
import type { PolicyOptions, ResolvedPolicy } from '../options.ts'
import { readKeyHeader } from './key-header.ts'
import { sendProblem } from './problem.ts'
import { isSendable, replayResponse } from './replay.ts'
import { requestPayload } from './request-payload.ts'
import { captureResponse } from './response-capture.ts'
import type { CapturedResponse } from './response-capture.ts'
import { headersWithoutBody, storedHeaderNames } from './stored-headers.ts'

/** Options of one route; policy fields given here override those of `createIdempotency`. */
export interface IdempotentRouteOptions extends PolicyOptions {
  /**
   * Name of the request header that carries the key.
   * @defaultValue 'Idempotency-Key'
   */
  readonly header?: string
  /**
   * What a request without a key gets: a 400 (`true`), or the handler without any protection
   * (`false`).
   * @defaultValue true
   */
  readonly required?: boolean
  /**
   * Methods that are protected; on others the header is ignored.
   * @defaultValue ['POST', 'PATCH']
   */
  readonly methods?: readonly string[]
  /**
   * Names the operation a key belongs to.
   * @defaultValue method, mount path and path, without query and trailing slash:
   * `POST /api/payments`
   */
  readonly operation?: (request: Request) => string
  /**
   * What must be equal in a retry: any JSON value, or bytes.
   * @defaultValue the sorted query and the parsed body
   */
  readonly fingerprint?: (request: Request) => unknown
  /**
   * Response headers that are stored and replayed, lower case. `set-cookie`, `authorization` and
   * hop-by-hop headers are refused here.
   * @defaultValue content-type, content-encoding, content-language, content-disposition, location,
   * etag, last-modified, link, cache-control, vary
   */
  readonly headers?: readonly string[]
}

/** Problem details of each refusal, for people; programs read `code`. */
const details = {
  missing: (header: string) =>
    `This request needs an ${header} header: make a key once per action.`,
  inProgress:
    'The first request with this key is still being worked on. Ask again with the same key.',
  expired:
    'This key was made so long ago that its result may have been forgotten. It was not executed ' +
    'now; look up whether it was before you use a new key.',
  reused: 'This key was used with another request. Use a new key for a new action.',
  indeterminate:
    'The first request with this key was cut off and may have had its effect. ' +
    'It is not executed again; look up its result before you send a new one.',
  tooLarge: 'The request is too large or too deeply nested to be protected against repetition.',
  unreadable: 'The content type of this request is not one that this route reads.',
  unavailable: 'Requests cannot be protected against repetition right now. Nothing was executed.',
} as const

/** Where a request keeps its claim. */
const claimOf = Symbol('claim')

interface ClaimedRequest {
  [claimOf]?: Claim
}

/**
 * Protects an Express 5 route: one execution per key; later requests get the stored response, byte
 * for byte, with `Idempotent-Replayed: true`. Put it after authentication and the body parser,
 * before validation that costs something.
 *
 * The result is stored before its last byte is sent, and also when the client has gone away. Errors
 * go to the app's own error handler; what that sends is what is stored or released. With the store
 * down it answers 503 or, with `onStoreFailure: 'open'`, goes on with `ctx.degraded` and the
 * response header `Idempotency-Degraded: true`.
 *
 * Does not survive a crash between the effect and the store: with `onIndeterminate: 'reject'` such
 * a key answers 409 (`idempotency_indeterminate`), it is never executed again silently.
 *
 * @throws IdempotencyError with code `IDEMPOTENCY_OPTIONS_INVALID`; and to the error handler
 * `IDEMPOTENCY_SCOPE_MISSING` or `IDEMPOTENCY_BODY_NOT_PARSED`.
 */
export function idempotent(
  idempotency: Idempotency<Request>,
  options: IdempotentRouteOptions = {},
): RequestHandler {
  const route = resolveRoute(idempotency, options)
  return async (req, res, next) => {
    // A request that this middleware already holds must not wait for itself.
    const request = req as Request & ClaimedRequest
    if (!route.methods.has(req.method) || request[claimOf] !== undefined) return next()
    const key = readKeyHeader(req, route.headerLower, idempotency.keyPolicy)
    if (key === undefined) {
      if (!route.required) return next()
      return sendProblem(res, 'idempotency_key_missing', details.missing(route.header))
    }
    if (!key.ok) {
      const detail = `The ${route.header} header is not usable: ${key.reason}.`
      return sendProblem(res, 'idempotency_key_invalid', detail)
    }
    const decision = await decide(idempotency, route, req, key.key)
    if (decision.decision !== 'execute') return refuse(res, decision)
    own(res, decision.claim, route)
    request[claimOf] = decision.claim
    next()
  }
}

/** The execution a request is in; `undefined` where the route is not protected, or has no key. */
export function getIdempotency(request: Request): IdempotencyContext | undefined {
  return (request as ClaimedRequest)[claimOf]?.context
}

/** True when the effect of a request may have begun. */
export function mayHaveBegun(request: Request): boolean {
  return (request as ClaimedRequest)[claimOf]?.committed ?? false
}

interface ResolvedRoute {
  readonly header: string
  readonly headerLower: string
  readonly required: boolean
  readonly methods: ReadonlySet<string>
  readonly operation: (request: Request) => string
  readonly fingerprint: ((request: Request) => unknown) | undefined
  readonly headers: ReadonlySet<string>
  readonly overrides: PolicyOptions
  readonly policy: ResolvedPolicy
}

function resolveRoute(
  idempotency: Idempotency<Request>,
  options: IdempotentRouteOptions,
): ResolvedRoute {
  const { header = 'Idempotency-Key' } = options
  return {
    header,
    headerLower: header.toLowerCase(),
    required: options.required ?? true,
    // As Express takes them: written in lower case, they must not leave the route unprotected.
    methods: new Set((options.methods ?? ['POST', 'PATCH']).map((name) => name.toUpperCase())),
    operation: options.operation ?? operationName,
    fingerprint: options.fingerprint,
    headers: storedHeaderNames(options.headers),
    overrides: options,
    policy: resolvePolicy(options, idempotency.policy),
  }
}

/**
 * The path as it was asked for, so that a router mounted twice is two operations. Without the
 * query, which is compared, and without a trailing slash, which Express' routes ignore.
 */
function operationName(req: Request): string {
  const path = `${req.baseUrl}${req.path}`
  return `${req.method} ${path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path}`
}

type Refusal = Exclude<Decision, { decision: 'execute' }> | BodyRefusal
interface BodyRefusal {
  readonly decision: 'too_large' | 'unreadable'
}

async function decide(
  idempotency: Idempotency<Request>,
  route: ResolvedRoute,
  req: Request,
  key: string,
): Promise<Decision | BodyRefusal> {
  const { readable, payload } =
    route.fingerprint === undefined
      ? { payload: undefined, ...requestPayload(req) }
      : { readable: true, payload: route.fingerprint(req) }
  if (!readable) return { decision: 'unreadable' }
  try {
    const operation = { name: route.operation(req), key, request: req, payload }
    return await idempotency.begin(operation, route.overrides)
  } catch (error) {
    const isTooLarge = IdempotencyError.is(error) && error.code === 'IDEMPOTENCY_PAYLOAD_TOO_LARGE'
    if (isTooLarge) return { decision: 'too_large' }
    throw error
  }
}

/** How soon a client may ask again when the store does not answer. */
const unavailableRetryMs = 1_000

function refuse(res: Response, refusal: Refusal): void {
  switch (refusal.decision) {
    case 'replay': {
      const record = unpackHttpRecord(refusal.payload)
      if (record !== undefined && isSendable(record)) {
        return replayResponse(res, record, refusal.omitted)
      }
      return sendProblem(res, 'idempotency_indeterminate', details.indeterminate)
    }
    case 'in_progress':
      return sendProblem(res, 'idempotency_in_progress', details.inProgress, refusal.retryAfterMs)
    case 'expired':
      return sendProblem(res, 'idempotency_key_expired', details.expired)
    case 'mismatch':
      return sendProblem(res, 'idempotency_key_reused', details.reused)
    case 'indeterminate':
      return sendProblem(res, 'idempotency_indeterminate', details.indeterminate)
    case 'unavailable':
      return sendProblem(
        res,
        'idempotency_store_unavailable',
        details.unavailable,
        unavailableRetryMs,
      )
    case 'too_large':
      return sendProblem(res, 'idempotency_request_too_large', details.tooLarge)
    case 'unreadable':
      return sendProblem(res, 'idempotency_body_unreadable', details.unreadable)
  }
}

function own(res: Response, claim: Claim, route: ResolvedRoute): void {
  if (claim.degraded) {
    res.setHeader('Idempotency-Degraded', 'true')
    return
  }
  captureResponse(res, {
    bodyMaxBytes: route.policy.resultMaxBytes,
    headers: route.headers,
    settle: (response) => settle(claim, response, route.policy),
    // Half a response is no result, and its handler may still be at work: the lease decides.
    onCut: () => claim.stop(),
  })
}

function settle(claim: Claim, response: CapturedResponse, policy: ResolvedPolicy): Promise<void> {
  const outcome = claim.requestedOutcome ?? outcomeOf(response.status, claim.committed, policy)
  if (outcome === 'release') return claim.release()
  if (outcome === 'indeterminate') return claim.abandon()
  const { status, headers, record } = response
  if (record !== undefined) return claim.complete(record)
  const tombstone = { status, headers: headersWithoutBody(headers), body: new Uint8Array(0) }
  return claim.complete(packHttpRecord(tombstone), { omitted: true })
}

function outcomeOf(status: number, committed: boolean, policy: ResolvedPolicy): SettledOutcome {
  try {
    return policy.storeStatus(status, { committed, commitPoint: policy.commitPoint })
  } catch (error) {
    // The response is made and has to go out; a broken policy must not decide for a second
    // execution.
    process.emitWarning(error instanceof Error ? error : String(error))
    return committed ? 'indeterminate' : 'release'
  }
}
