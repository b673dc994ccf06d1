import type { Answer } from './judge.ts'

/** A request whose bytes no longer change. */
export interface FrozenRequest {
  readonly url: string
  readonly init: RequestInit
}

/** What one attempt brought. */
export type Attempt =
  | { readonly got: 'answer'; readonly answer: Answer; readonly response: Response }
  | { readonly got: 'too_large' }
  | { readonly got: 'nothing'; readonly cause: unknown }

/**
 * Reads the body once, so that every attempt sends the same bytes: a stream could not be sent
 * again, and a form would get another boundary, which the server takes for another request.
 *
 * @throws TypeError as `fetch` does, for a URL or init that is none.
 */
export async function freeze(url: string | URL, init: RequestInit): Promise<FrozenRequest> {
  const isStream = init.body instanceof ReadableStream
  const { signal: _signal, ...rest } = init
  const request = new Request(url, {
    ...rest,
    method: init.method ?? 'POST',
    ...(isStream && { duplex: 'half' }),
  } as RequestInit)
  // Asked of `init`, since not every browser has `request.body`.
  const hasBody = init.body !== undefined && init.body !== null
  const body = hasBody ? new Uint8Array(await request.arrayBuffer()) : undefined
  const { method, headers } = request
  // Followed by itself, a 302 to a login page would come back as a 200 that no handler gave.
  const redirect = init.redirect ?? 'manual'
  return { url: request.url, init: { ...rest, redirect, method, headers, ...(body && { body }) } }
}

/** Sends once and reads the whole answer: one cut off in its middle is no answer. */
export async function attempt(
  send: (url: string, init: RequestInit) => Promise<Response>,
  { url, init }: FrozenRequest,
  responseMaxBytes: number,
  signal: AbortSignal,
): Promise<Attempt> {
  try {
    const response = await send(url, { ...init, signal })
    const body = await readAll(response, responseMaxBytes)
    if (body === undefined) return { got: 'too_large' }
    const { status, headers, redirected } = response
    const answer = { status, headers, body, redirected }
    return { got: 'answer', answer, response: rebuilt(response, body) }
  } catch (cause) {
    return { got: 'nothing', cause }
  }
}

async function readAll(response: Response, maxBytes: number): Promise<Uint8Array | undefined> {
  if (response.body === null) return new Uint8Array(0)
  const reader = response.body.getReader()
  const chunks: Uint8Array[] = []
  let length = 0
  for (;;) {
    const { done, value } = await reader.read()
    if (done) break
    length += value.byteLength
    if (length > maxBytes) {
      await reader.cancel()
      return undefined
    }
    chunks.push(value)
  }
  const body = new Uint8Array(length)
  let at = 0
  for (const chunk of chunks) {
    body.set(chunk, at)
    at += chunk.byteLength
  }
  return body
}

/** The same answer with a body that is there already. */
function rebuilt(response: Response, body: Uint8Array): Response {
  const { status, statusText, headers } = response
  // An opaque redirect of a browser has status 0, which nobody else may make.
  if (status < 200 || status > 599) return response
  const isBodyless = status === 204 || status === 205 || status === 304
  return new Response(isBodyless ? null : (body as Uint8Array<ArrayBuffer>), {
    status,
    statusText,
    headers,
  })
}
