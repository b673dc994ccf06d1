import type { ApiRoute } from '@payflow-app/contracts/api'
import { parse, type RequestPart } from '@payflow-app/service-kit'
import type { Request, RequestHandler } from 'express'
import type { z } from 'zod'

type Fields = Readonly<Record<string, string | number | undefined>>

/** Path and query of a valid request; empty where the route describes none. */
interface ValidRequest {
  readonly params: Fields
  readonly query: Fields
}

const valid = new WeakMap<Request, ValidRequest>()

/**
 * Validates each part of a request that its route describes. Comes before the claim of the key: an
 * invalid request uses up no key. The parsed body replaces the given one, so that two spellings of
 * one request have one fingerprint.
 */
export function validateRequest({ params, query, body }: ApiRoute): RequestHandler {
  return function validate(req, _res, next) {
    valid.set(req, {
      params: fieldsOf(params, req.params, 'path'),
      query: fieldsOf(query, req.query, 'query'),
    })
    if (body) req.body = parse(body, req.body)
    next()
  }
}

/** Path and query as validated. Only behind {@link validateRequest}. */
export function validRequest(req: Request): ValidRequest {
  const request = valid.get(req)
  if (!request) throw new TypeError('The route has no validation in front of it')
  return request
}

function fieldsOf(schema: z.ZodType | undefined, value: unknown, part: RequestPart): Fields {
  // Path and query are flat in every contract.
  return schema ? (parse(schema, value, part) as Fields) : {}
}
