import type { OutgoingHttpHeaders } from 'node:http'
import type { Request, RequestHandler, Response } from 'express'

/** What a Lambda function behind API Gateway returns. */
export interface ProxyResult {
  readonly statusCode: number
  readonly headers: OutgoingHttpHeaders
  readonly body: string
  readonly isBase64Encoded: boolean
}

/** Runs a handler and keeps its answer instead of sending it. Rejects when the handler fails. */
export function recorded(
  handler: RequestHandler,
  req: Request,
  res: Response,
): Promise<ProxyResult> {
  const { promise, resolve, reject } = Promise.withResolvers<ProxyResult>()
  const chunks: Buffer[] = []
  const keep = (chunk: unknown, encoding: unknown): void => {
    if (typeof chunk === 'string') {
      chunks.push(Buffer.from(chunk, typeof encoding === 'string' ? (encoding as 'utf8') : 'utf8'))
    } else if (chunk instanceof Uint8Array) chunks.push(Buffer.from(chunk))
  }
  const own = { writeHead: res.writeHead, write: res.write, end: res.end }
  res.writeHead = ((status: number, headers: Record<string, string> = {}) => {
    res.statusCode = status
    for (const [name, value] of Object.entries(headers)) res.setHeader(name, value)
    return res
  }) as typeof res.writeHead
  res.write = ((chunk: unknown, encoding: unknown) => {
    keep(chunk, encoding)
    return true
  }) as typeof res.write
  res.end = ((chunk: unknown, encoding: unknown) => {
    keep(chunk, encoding)
    Object.assign(res, own)
    resolve(resultOf(res, Buffer.concat(chunks)))
    return res
  }) as typeof res.end
  const run = async (): Promise<void> => {
    await handler(req, res, reject)
  }
  run().catch((error: unknown) => {
    Object.assign(res, own)
    reject(error as Error)
  })
  return promise
}

function resultOf(res: Response, body: Buffer): ProxyResult {
  const isText = /json|text|^$/.test(String(res.getHeader('content-type') ?? ''))
  return {
    statusCode: res.statusCode,
    headers: { ...res.getHeaders() },
    body: body.toString(isText ? 'utf8' : 'base64'),
    isBase64Encoded: !isText,
  }
}

export function sendResult(res: Response, result: ProxyResult): void {
  res.statusCode = result.statusCode
  for (const [name, value] of Object.entries(result.headers)) {
    if (value !== undefined) res.setHeader(name, value)
  }
  res.end(Buffer.from(result.body, result.isBase64Encoded ? 'base64' : 'utf8'))
}
