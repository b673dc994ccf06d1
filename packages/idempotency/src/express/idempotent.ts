import type { Request, RequestHandler } from 'express'
import type { IdempotencyContext } from '../context.ts'
import type { Idempotency } from '../idempotency.ts'
import type { PolicyOptions } from '../options.ts'

/** Options of one route; policy fields given here override those of `createIdempotency`. */
export interface IdempotentRouteOptions extends PolicyOptions {
  /**
   * Name of the request header that carries the key.
   * @defaultValue 'Idempotency-Key'
   */
  readonly header?: string
  /**
   * What a request without a key gets: a 400 (`true`), or the handler without any protection (`false`).
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
   * @defaultValue method, mount path and path, without query and trailing slash: `POST /api/payments`
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
   * @defaultValue content-type, content-encoding, content-language, content-disposition, location, etag,
   * last-modified, link, cache-control, vary
   */
  readonly headers?: readonly string[]
}

/** Protects an Express 5 route: one execution per key; later requests get the stored response. */
export declare function idempotent(
  idempotency: Idempotency<Request>,
  options?: IdempotentRouteOptions,
): RequestHandler

/** The execution a request is in; `undefined` where the route is not protected, or has no key. */
export declare function getIdempotency(request: Request): IdempotencyContext | undefined
