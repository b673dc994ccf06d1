import { IdempotencyError } from '../errors.ts'
import { parseKey } from '../key-policy.ts'
import { attempt, freeze } from './attempt.ts'
import type { Attempt, FrozenRequest } from './attempt.ts'
import { judge } from './judge.ts'
import type { Judgement } from './judge.ts'
import { invalid, resolveFetchOptions } from './options.ts'
import type { IdempotentFetchOptions, ResolvedFetchOptions } from './options.ts'
import type { FetchResult, UnknownReason } from './result.ts'

/** What `fetch` takes, and whose key it is. Give `key`, or `action`, or neither. */
export interface IdempotentRequestInit extends RequestInit {
  /** Sent as JSON, instead of `body`. */
  readonly json?: unknown
  /** The key itself, which the caller keeps: a column of the row that the request is about. */
  readonly key?: string
  /**
   * True when `key` was never sent before: then a refusal of the first attempt is believed without
   * asking once more. Not needed with `action`, whose storage knows it.
   * @defaultValue false
   */
  readonly isFirstUse?: boolean
  /**
   * A name of this one action, for example `order-17`: its key is made once, kept in `persist`
   * before anything is sent, and used by every later call for the same action.
   */
  readonly action?: string
}

/** Sends requests that are executed once. Made by {@link idempotentFetch}. */
export interface IdempotentFetch {
  /**
   * Sends a request, POST unless it says otherwise, until its outcome is known or no attempt is
   * left. Every attempt has the same key and the same bytes; a stream is read into memory first.
   *
   * Never rejects because of the network or the server: what is not known is `unknown`.
   *
   * @throws IdempotencyError, before anything is sent, with code `IDEMPOTENCY_OPTIONS_INVALID`,
   * `IDEMPOTENCY_KEY_INVALID` or `IDEMPOTENCY_KEY_NOT_KEPT`; and `TypeError` for a URL or body that
   * `fetch` does not take.
   */
  (url: string | URL, init?: IdempotentRequestInit): Promise<FetchResult>
  /**
   * Forgets the key of an action that is over: its result is recorded, or it was looked up. The
   * next call for this name is a new action, executed anew. Keys are never forgotten by themselves.
   */
  forget(action: string): Promise<void>
}

/**
 * Makes a `fetch` for routes that are protected by idempotency keys, ours or any that keeps to
 * draft-ietf-httpapi-idempotency-key-header.
 *
 * Asks again after a network error, an answer that was cut off, a request in progress and the
 * `retryStatuses`, waiting as long as `Retry-After` says. Never asks again after
 * `idempotency_key_reused`, `idempotency_indeterminate` or any other refusal. After an attempt that
 * may have been executed it believes a 4xx only if it is the stored one; one further attempt finds
 * that out.
 *
 * Does not protect a route that ignores the key: asking again executes again there.
 *
 * @throws IdempotencyError with code `IDEMPOTENCY_OPTIONS_INVALID`.
 */
export function idempotentFetch(options: IdempotentFetchOptions = {}): IdempotentFetch {
  const resolved = resolveFetchOptions(options)
  const send = async (
    url: string | URL,
    init: IdempotentRequestInit = {},
  ): Promise<FetchResult> => {
    const request = await freeze(url, plainInit(init, resolved))
    const { key, isNew } = await keyFor(init, resolved)
    ;(request.init.headers as Headers).set(resolved.header, key)
    return new Call(resolved, request, key, !isNew, init.signal ?? undefined).run()
  }
  return Object.assign(send, {
    async forget(action: string): Promise<void> {
      if (resolved.persist === undefined) throw invalid('forget() needs the option persist')
      await resolved.persist.forget(action)
    },
  })
}

/** Without what is ours, and refused where it could not be sent as it is meant. */
function plainInit(init: IdempotentRequestInit, options: ResolvedFetchOptions): RequestInit {
  const { json, key: _key, isFirstUse: _isFirstUse, action: _action, ...rest } = init
  const headers = new Headers(rest.headers)
  if (headers.has(options.header)) throw invalid(`give the key as key, not as ${options.header}`)
  if (rest.mode === 'no-cors') throw invalid('mode no-cors would send the request without its key')
  if (json === undefined) return { ...rest, headers }
  if (rest.body !== undefined && rest.body !== null) throw invalid('give json or body, not both')
  if (!headers.has('Content-Type')) headers.set('Content-Type', 'application/json')
  return { ...rest, headers, body: JSON.stringify(json) }
}

async function keyFor(
  { key, isFirstUse = false, action }: IdempotentRequestInit,
  { persist, generateKey }: ResolvedFetchOptions,
): Promise<{ readonly key: string; readonly isNew: boolean }> {
  if (key !== undefined && action !== undefined) throw invalid('give key or action, not both')
  if (key !== undefined) return { key: checked(key), isNew: isFirstUse }
  const made = checked(generateKey())
  if (action === undefined) return { key: made, isNew: true }
  if (persist === undefined) throw invalid('an action needs the option persist')
  if (action === '') throw invalid('an action must have a name')
  let kept: string
  try {
    kept = checked(await persist.claim(action, made))
  } catch (cause) {
    const message = `the key of ${action} could not be kept, so nothing was sent`
    throw new IdempotencyError('IDEMPOTENCY_KEY_NOT_KEPT', message, { cause })
  }
  return { key: kept, isNew: kept === made }
}

function checked(key: unknown): string {
  const parsed =
    typeof key === 'string'
      ? parseKey(key, { minLength: 1, maxLength: 255 })
      : { ok: false as const, reason: 'it is no text' }
  if (parsed.ok) return key as string
  throw new IdempotencyError('IDEMPOTENCY_KEY_INVALID', `the key is not usable: ${parsed.reason}`)
}

/** One request, from its first attempt to what is known in the end. */
class Call {
  readonly #options: ResolvedFetchOptions
  readonly #request: FrozenRequest
  readonly #key: string
  readonly #caller: AbortSignal | undefined
  readonly #deadlineAt: number
  /** An earlier attempt, perhaps of an earlier process, may have been executed. */
  #isInDoubt: boolean
  #isConfirming = false
  #attempts = 0

  constructor(
    options: ResolvedFetchOptions,
    request: FrozenRequest,
    key: string,
    isInDoubt: boolean,
    caller: AbortSignal | undefined,
  ) {
    this.#options = options
    this.#request = request
    this.#key = key
    this.#isInDoubt = isInDoubt
    this.#caller = caller
    this.#deadlineAt = performance.now() + options.deadlineMs
  }

  async run(): Promise<FetchResult> {
    if (this.#caller?.aborted) return this.#unknown('aborted')
    for (;;) {
      this.#attempts += 1
      const seen = await this.#attempt()
      if (seen.got === 'too_large') return this.#unknown('response_too_large', seen)
      const judgement = this.#judge(seen)
      const result = this.#settle(seen, judgement)
      if (result !== undefined) return result
      if (this.#caller?.aborted) return this.#unknown('aborted', seen)
      const isPatient = await this.#wait(seen, retryAfterMs(judgement))
      if (isPatient !== true) return this.#unknown(isPatient, seen, retryAfterMs(judgement))
    }
  }

  #attempt(): Promise<Attempt> {
    const { fetch, responseMaxBytes, attemptTimeoutMs } = this.#options
    const leftMs = Math.max(1, Math.ceil(this.#deadlineAt - performance.now()))
    const timeout = AbortSignal.timeout(Math.min(attemptTimeoutMs, leftMs))
    const signal = this.#caller ? AbortSignal.any([this.#caller, timeout]) : timeout
    return attempt(fetch, this.#request, responseMaxBytes, signal)
  }

  #judge(seen: Exclude<Attempt, { got: 'too_large' }>): Judgement {
    if (seen.got === 'nothing') return { is: 'retry', mayHaveRun: true, retryAfterMs: 0 }
    return judge(seen.answer, this.#options.retryStatuses, this.#isInDoubt)
  }

  /** The result, if this attempt settles it. */
  #settle(seen: Attempt, judgement: Judgement): FetchResult | undefined {
    const base = { key: this.#key, attempts: this.#attempts }
    if (judgement.is === 'retry') {
      this.#isInDoubt ||= judgement.mayHaveRun
      return undefined
    }
    if (seen.got !== 'answer') return undefined
    const { response } = seen
    switch (judgement.is) {
      case 'refused':
        return { ...base, outcome: 'refused', code: judgement.code, response }
      case 'indeterminate':
        return { ...base, outcome: 'indeterminate', response }
      case 'unconfirmed':
        if (this.#isConfirming) return this.#unknown('unconfirmed', seen)
        this.#isConfirming = true
        return undefined
      case 'answer': {
        const isTrue = (name: string): boolean => response.headers.get(name) === 'true'
        return {
          ...base,
          outcome: 'answered',
          response,
          replayed: isTrue('Idempotent-Replayed'),
          bodyOmitted: response.headers.get('Idempotent-Replay-Body') === 'omitted',
          degraded: isTrue('Idempotency-Degraded'),
        }
      }
    }
  }

  /** Waits for the next attempt; or says why there is none. */
  async #wait(seen: Attempt, retryAfterMs: number): Promise<true | UnknownReason> {
    const { attemptsMax, retryDelayMs, retryDelayMaxMs, onRetry } = this.#options
    if (this.#attempts >= attemptsMax) return this.#isConfirming ? 'unconfirmed' : 'attempts'
    const meanMs = Math.min(retryDelayMaxMs, retryDelayMs * 2 ** (this.#attempts - 1))
    const delayMs = Math.round(Math.max(retryAfterMs, meanMs * (0.5 + Math.random())))
    if (performance.now() + delayMs >= this.#deadlineAt) return 'deadline'
    const outcome =
      seen.got === 'answer'
        ? { status: seen.answer.status }
        : { cause: seen.got === 'nothing' ? seen.cause : undefined }
    try {
      onRetry?.({ key: this.#key, attempt: this.#attempts, delayMs, ...outcome })
    } catch {
      // A log that fails must not decide whether a payment is asked for again.
    }
    return (await pause(delayMs, this.#caller)) ? true : 'aborted'
  }

  #unknown(reason: UnknownReason, seen?: Attempt, retryAfterMs = 0): FetchResult {
    return {
      key: this.#key,
      attempts: this.#attempts,
      outcome: 'unknown',
      reason,
      ...(seen?.got === 'answer' && { response: seen.response }),
      ...(seen?.got === 'nothing' && { cause: seen.cause }),
      ...(retryAfterMs > 0 && { retryAfterMs }),
    }
  }
}

const retryAfterMs = (judgement: Judgement): number =>
  judgement.is === 'retry' ? judgement.retryAfterMs : 0

/** False when the signal was aborted meanwhile. */
function pause(ms: number, signal: AbortSignal | undefined): Promise<boolean> {
  if (signal?.aborted) return Promise.resolve(false)
  return new Promise((resolve) => {
    const stop = (): void => {
      clearTimeout(timer)
      resolve(false)
    }
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', stop)
      resolve(true)
    }, ms)
    signal?.addEventListener('abort', stop, { once: true })
  })
}
