import type { RefusalCode } from './result.ts'

/** What an answer means for its request. */
export type Judgement =
  | { readonly is: 'answer' | 'indeterminate' | 'unconfirmed' }
  | { readonly is: 'refused'; readonly code: RefusalCode }
  /** `mayHaveRun`: the attempt may have been executed, although this is not its answer. */
  | { readonly is: 'retry'; readonly mayHaveRun: boolean; readonly retryAfterMs: number }

/** An answer, as far as it is judged. */
export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly body: Uint8Array
  /** Another URL gave it, because `redirect: 'follow'` was asked for. */
  readonly redirected?: boolean | undefined
}

const refusals: ReadonlySet<string> = new Set<RefusalCode>([
  'idempotency_key_reused',
  'idempotency_key_missing',
  'idempotency_key_invalid',
  'idempotency_key_expired',
  'idempotency_request_too_large',
  'idempotency_body_unreadable',
])

/** Said before a handler is reached: too slow, too early, too many. */
const neverRan: ReadonlySet<number> = new Set([408, 425, 429])

/**
 * Judges an answer by what it proves. `isInDoubt`: an earlier attempt with this key may have been
 * executed. Then a 4xx or a redirect is not believed unless it is the stored one: an expired login,
 * say, is refused or sent elsewhere before anything looks at the key, and would make a payment that
 * went through look as if it had not, or the other way round.
 */
export function judge(
  answer: Answer,
  retryStatuses: readonly number[],
  isInDoubt: boolean,
): Judgement {
  const { status, headers, redirected } = answer
  if (headers.get('Idempotent-Replayed') === 'true') return { is: 'answer' }
  const problem = problemOf(answer)
  if (problem.code === 'idempotency_indeterminate') return { is: 'indeterminate' }
  if (refusals.has(problem.code)) return { is: 'refused', code: problem.code as RefusalCode }
  const isAsked = status === 409 && headers.has('Retry-After')
  if (problem.retryable ?? (isAsked || retryStatuses.includes(status))) {
    const mayHaveRun = !neverRan.has(status) && problem.code !== 'idempotency_store_unavailable'
    return { is: 'retry', mayHaveRun, retryAfterMs: retryAfterOf(headers, Date.now()) }
  }
  // A redirect that a browser keeps to itself has status 0.
  const isOfHandler = status >= 200 && status < 300 && redirected !== true
  return { is: isInDoubt && !isOfHandler ? 'unconfirmed' : 'answer' }
}

interface Problem {
  readonly code: string
  readonly retryable: boolean | undefined
}

/** `code` and `retryable` of an RFC 9457 problem; nothing of any other body. */
function problemOf({ status, headers, body }: Answer): Problem {
  const none = { code: '', retryable: undefined }
  const type = headers.get('Content-Type') ?? ''
  if (status < 400 || !/^application\/problem\+json\b/i.test(type)) return none
  try {
    const problem = JSON.parse(new TextDecoder().decode(body)) as Record<string, unknown> | null
    const { code, retryable } = problem ?? {}
    return {
      code: typeof code === 'string' ? code : '',
      retryable: typeof retryable === 'boolean' ? retryable : undefined,
    }
  } catch {
    return none
  }
}

/** `Retry-After` in milliseconds, as seconds or as a date; 0 where there is none to be read. */
export function retryAfterOf(headers: Headers, nowMs: number): number {
  const text = headers.get('Retry-After')?.trim() ?? ''
  if (/^\d+$/.test(text)) return Number(text) * 1_000
  // Only the date of RFC 9110: `Date.parse` takes a stray "-1" or "1.5" for a year or a month.
  const at = /^[A-Z][a-z]{2}, .+ GMT$/.test(text) ? Date.parse(text) : Number.NaN
  return Number.isNaN(at) ? 0 : Math.max(0, at - nowMs)
}
