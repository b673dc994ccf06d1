import type { Response } from 'express'
import type { HttpRecord } from '../http-record.ts'

/** Sends a stored response again, and says that it is one. */
export function replayResponse(res: Response, record: HttpRecord, omitted: boolean): void {
  res.statusCode = record.status
  for (const [name, value] of record.headers) res.setHeader(name, value)
  res.setHeader('Idempotent-Replayed', 'true')
  if (omitted) res.setHeader('Idempotent-Replay-Body', 'omitted')
  const hasBody = record.status !== 204 && record.status !== 304
  if (hasBody) res.setHeader('Content-Length', record.body.byteLength)
  res.end(hasBody ? record.body : undefined)
}
