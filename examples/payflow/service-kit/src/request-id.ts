import { randomUUID } from 'node:crypto'
import { REQUEST_ID_CHARS_MAX } from '@payflow-app/contracts'
import type { NextFunction, Request, Response } from 'express'
import { logContext, withLogContext } from './log-context.ts'

const wellFormed = new RegExp(`^[\\w.:-]{1,${REQUEST_ID_CHARS_MAX}}$`)

/**
 * Gives every request an id: the caller's `X-Request-Id` when it is well-formed, a new UUID
 * otherwise. The answer and every log line of the request carry it.
 */
export function requestId(req: Request, res: Response, next: NextFunction): void {
  const given = req.get('x-request-id')
  const id = given !== undefined && wellFormed.test(given) ? given : randomUUID()
  res.setHeader('x-request-id', id)
  withLogContext({ requestId: id }, next)
}

/** The id of the request being handled, if one is. */
export function currentRequestId(): string | undefined {
  return logContext().requestId
}
