import {
  unavailable,
  type HttpCall,
  type HttpClient,
  type RawAnswer,
} from '@payflow-app/service-kit'
import type { Request, Response } from 'express'

/** What of an answer goes on to the client; the rest belongs to the connection between us. */
const PASSED_HEADERS = [
  'content-type',
  'content-disposition',
  'cache-control',
  'location',
  'retry-after',
  'www-authenticate',
  'idempotent-replayed',
]

/** A call that is made for a client. */
export interface ForwardedCall extends Pick<HttpCall, 'method' | 'path' | 'json' | 'headers'> {
  /** Cookies go both ways on the routes that own one, and nowhere else. */
  readonly cookies?: boolean
  /** Sees the answer before it is passed on. */
  readonly onAnswer?: (answer: RawAnswer) => void
}

/**
 * Makes the call for the client, with the client's own token, and passes the answer on as it came:
 * status, body byte for byte, and a few headers.
 *
 * Goes on when the client hangs up: a payment is not taken back by closing a page.
 *
 * @throws {@link ProblemError} `service-unavailable` (503) or `upstream-timeout` (504), through
 * `UpstreamError`, when the service gives no answer.
 */
export async function forward(
  client: HttpClient,
  req: Request,
  res: Response,
  { cookies = false, headers, onAnswer, ...call }: ForwardedCall,
): Promise<void> {
  const answer = await client.send({
    ...call,
    // A read only: of a payment that was cut the client learns, and has the key to ask again.
    repeatable: call.method === 'GET',
    headers: {
      ...headers,
      ...only('authorization', req.get('authorization')),
      ...(cookies && only('cookie', req.get('cookie'))),
    },
  })
  refuseForeignError(answer)
  onAnswer?.(answer)
  if (cookies) {
    for (const cookie of answer.headers.getSetCookie()) res.append('set-cookie', cookie)
  }
  passAnswerOn(answer, res)
}

/** Passes a whole answer on, unless it is an error that no service of ours wrote. */
export function passAnswerOn(answer: RawAnswer, res: Response): void {
  refuseForeignError(answer)
  passHeadersOn(answer.headers, res)
  res.status(answer.status).end(answer.body)
}

/** Passes on the headers that are the client's business. */
export function passHeadersOn(headers: Headers, res: Response): void {
  for (const name of PASSED_HEADERS) {
    const value = headers.get(name)
    if (value !== null) res.setHeader(name, value)
  }
  if (!res.hasHeader('cache-control')) res.setHeader('cache-control', 'no-store')
}

function only(name: string, value: string | undefined): Record<string, string> {
  return value === undefined ? {} : { [name]: value }
}

/** An error page that no service of ours wrote, but something between us: a proxy, say. */
function refuseForeignError({ status, headers }: RawAnswer): void {
  if (status < 400) return
  if (headers.get('content-type')?.startsWith('application/problem+json')) return
  throw unavailable(`A service answered ${status} without a problem`)
}
