import { isUtf8 } from 'node:buffer'
import { BODY_BYTES_MAX } from '@payflow-app/contracts'
import express, { type NextFunction, type Request, type Response } from 'express'
import { problem } from './problem-error.ts'

/**
 * Reads JSON bodies up to `limitBytes`. A body of any other type is refused with 415 rather than
 * ignored: half a request must not be executed. Compressed bodies are refused too; a kilobyte of
 * gzip can become a megabyte. So are bytes that are no UTF-8 (RFC 8259 §8.1), which the parser would
 * replace: what is executed must be what was sent.
 */
export function jsonBody(limitBytes: number = BODY_BYTES_MAX) {
  const parser = express.json({
    limit: limitBytes,
    type: 'application/json',
    inflate: false,
    // Bare strings and numbers go on to the schema, whose answer names what was expected.
    strict: false,
    verify: requireUtf8,
  })
  return function readJsonBody(req: Request, res: Response, next: NextFunction): void {
    if (hasBody(req) && !req.is('application/json')) {
      throw problem('unsupported-media-type', { detail: 'Send Content-Type: application/json' })
    }
    parser(req, res, next)
  }
}

function requireUtf8(_req: unknown, _res: unknown, body: Buffer): void {
  if (isUtf8(body)) return
  throw Object.assign(new Error('The body is not UTF-8'), { type: 'entity.parse.failed' })
}

function hasBody(req: Request): boolean {
  if (req.headers['transfer-encoding'] !== undefined) return true
  return Number(req.headers['content-length'] ?? 0) > 0
}
