import { once } from 'node:events'
import http from 'node:http'

/** What is sent; a POST with a JSON body unless told otherwise. */
export interface Sent {
  readonly key?: string | readonly string[]
  /** @defaultValue 'ada' */
  readonly user?: string | undefined
  /** @defaultValue { amount: 500 } */
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
  /** Gives up the connection. */
  readonly signal?: AbortSignal
  /** @defaultValue 5000 */
  readonly patienceMs?: number
}

export interface Answer {
  readonly status: number
  readonly headers: http.IncomingHttpHeaders
  readonly body: Buffer
  readonly text: string
}

/** One request on a connection of its own. Rejects when it is not answered. */
export async function send(url: string, sent: Sent = {}): Promise<Answer> {
  const { key, user = 'ada', headers = {}, patienceMs = 5_000 } = sent
  const payload = 'body' in sent ? sent.body : { amount: 500 }
  const signal = AbortSignal.any([
    AbortSignal.timeout(patienceMs),
    ...(sent.signal === undefined ? [] : [sent.signal]),
  ])
  const message = http.request(url, { method: 'POST', agent: false, signal })
  message.setHeader('Content-Type', 'application/json')
  if (!('user' in sent) || sent.user !== undefined) message.setHeader('X-User', user)
  if (key !== undefined) message.setHeader('Idempotency-Key', key as string | string[])
  for (const [name, value] of Object.entries(headers)) message.setHeader(name, value)
  message.end(typeof payload === 'string' ? payload : JSON.stringify(payload))
  const [response] = (await once(message, 'response')) as [http.IncomingMessage]
  const chunks: Buffer[] = []
  for await (const chunk of response) chunks.push(chunk as Buffer)
  const body = Buffer.concat(chunks)
  return {
    status: response.statusCode ?? 0,
    headers: response.headers,
    body,
    text: body.toString('utf8'),
  }
}
