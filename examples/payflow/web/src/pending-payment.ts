/**
 * The life of an Idempotency-Key in the browser.
 *
 * One key is made for one intended payment, when its review opens. Key and body are written to
 * storage before the first POST and stay there, unchanged, until an answer arrives that is final.
 * So a lost answer, a reload or a crash of the browser leads to the *same* request being sent
 * again, which the server recognises; a second payment needs a second intent with a second key.
 *
 * Everything here is pure apart from the storage that is handed in.
 */
import { PAYMENT_KINDS, type PaymentKind } from '@payflow-app/contracts'
import { isOfPayFlow, toProblem } from './api/problem.ts'
import type { Problem } from './api/problem.ts'
import { retryAfterMs } from './poll.ts'

/** Who, how much, what for: what a person decides on. */
export interface PaymentIntent {
  /** Absent in what an earlier version of this page kept: a payment. */
  readonly kind?: PaymentKind
  /** Of a refund: the payment it gives back. */
  readonly refundOf?: string
  readonly userId: string
  readonly toUserId: string
  readonly toName: string
  /** Minor units. */
  readonly amount: number
  readonly currency: string
  readonly note: string
}

/** An intent with the key it will be sent under and the exact bytes of the request. */
export interface PendingPayment extends PaymentIntent {
  readonly key: string
  /** Stored as text, so that a newer version of this page can't send other bytes for the key. */
  readonly body: string
}

/** The part of `localStorage` that is used. */
export type KeyStorage = Pick<Storage, 'getItem' | 'setItem' | 'removeItem' | 'key' | 'length'>

/** What came back from one POST. */
export type Answer =
  | {
      readonly kind: 'answer'
      readonly status: number
      readonly body: unknown
      readonly retryAfter: string | null
      /** The same key was answered before, and this is that answer again. */
      readonly isReplayed: boolean
    }
  | { readonly kind: 'none' }

/** What an {@link Answer} means for the key. Only `accepted` and `refused` end its life. */
export type Verdict =
  | { readonly kind: 'accepted'; readonly paymentId: string }
  | { readonly kind: 'refused'; readonly problem: Problem }
  | { readonly kind: 'again'; readonly problem: Problem | null; readonly leastMs: number | null }
  | { readonly kind: 'sign-in' }

const retryPrefix = 'retry-of-'

/** The failed payment that this one tries again; undefined when it repeats none. */
export function retriedPayment({ key }: PendingPayment): string | undefined {
  return key.startsWith(retryPrefix) ? key.slice(retryPrefix.length) : undefined
}

/**
 * A new payment with a key of its own.
 *
 * @param retryOf - The failed payment that this one repeats, recipient, amount and note alike. The
 *   key is then made of its id: it is a new key, and the same one in every tab and on every device,
 *   so that a failed payment can be tried again by many clicks and be paid once.
 */
export function createPayment(intent: PaymentIntent, retryOf?: string): PendingPayment {
  const key = retryOf === undefined ? randomKey() : retryPrefix + retryOf
  const note = intent.note.trim()
  return Object.freeze({ ...intent, note, key, body: bodyOf(intent, note) })
}

function bodyOf({ kind, toUserId, amount, currency }: PaymentIntent, note: string): string {
  const noted = note === '' ? {} : { note }
  switch (kind) {
    case 'top_up':
    case 'withdrawal':
      return JSON.stringify({ amount, currency })
    case 'refund':
      return JSON.stringify({ amount, ...noted })
    default: // a payment, whoever kept it
      return JSON.stringify({ toUserId, amount, currency, ...noted })
  }
}

/**
 * 128 random bits as 32 hex digits. `randomUUID` is not used because browsers hide it on plain-http
 * origins other than localhost.
 */
function randomKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16))
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}

const repeatable: ReadonlySet<number> = new Set([408, 409, 425, 429])

/**
 * Judges an answer by the contract: 408, 409, 425, 429 and 5xx and no answer at all mean "the same
 * request again"; every other status is final.
 *
 * Two cases need care, for an earlier attempt may have been accepted. Whatever is not PayFlow's (a
 * hotel's login page, a proxy's 403) is no answer. And 401 says who may ask, not what became of the
 * payment, so the key outlives it.
 */
export function judge(answer: Answer, nowMs: number): Verdict {
  if (answer.kind === 'none') return { kind: 'again', problem: null, leastMs: null }
  const { status, body } = answer
  if (status >= 200 && status < 300) {
    const paymentId = acceptedId(body)
    return paymentId === null
      ? { kind: 'again', problem: null, leastMs: null }
      : { kind: 'accepted', paymentId }
  }
  if (status === 401) return { kind: 'sign-in' }
  const problem = toProblem(status, body)
  if (status >= 500 || repeatable.has(status) || !isOfPayFlow(problem)) {
    return { kind: 'again', problem, leastMs: retryAfterMs(answer.retryAfter, nowMs) }
  }
  return { kind: 'refused', problem }
}

function acceptedId(body: unknown): string | null {
  if (typeof body !== 'object' || body === null || !('id' in body)) return null
  return typeof body.id === 'string' && body.id !== '' ? body.id : null
}

const prefix = 'payflow.pending.'

/** The unanswered payments of one user in one browser. */
export interface PendingPayments {
  /** Oldest key first is not promised; a browser has one or two of these at most. */
  list(): PendingPayment[]
  get(key: string): PendingPayment | null
  /** @returns false when the browser did not keep it, in which case nothing may be sent */
  save(payment: PendingPayment): boolean
  clear(key: string): void
}

/**
 * Opens the store of `userId`. Every payment has an entry of its own, so that two tabs never
 * overwrite each other's keys, and another user of the same browser sees none of them.
 */
export function pendingPayments(storage: KeyStorage, userId: string): PendingPayments {
  const own = `${prefix}${userId}.`
  const get = (key: string): PendingPayment | null => {
    const payment = readPayment(storage.getItem(own + key))
    return payment?.userId === userId && payment.key === key ? payment : null
  }
  return {
    get,
    list() {
      const keys = Array.from({ length: storage.length }, (_, index) => storage.key(index))
      return keys
        .filter((name) => name?.startsWith(own) === true)
        .map((name) => get((name ?? '').slice(own.length)))
        .filter((payment) => payment !== null)
    },
    save(payment) {
      try {
        storage.setItem(own + payment.key, JSON.stringify(payment))
        return get(payment.key)?.body === payment.body
      } catch {
        return false // storage is full or switched off; the caller must not send
      }
    },
    clear(key) {
      storage.removeItem(own + key)
    },
  }
}

function readPayment(stored: string | null): PendingPayment | null {
  if (stored === null) return null
  try {
    const value = JSON.parse(stored) as Partial<PendingPayment> | null
    const texts = [value?.userId, value?.toUserId, value?.toName, value?.key, value?.body]
    const complete = texts.every((item) => typeof item === 'string') && isKnownKind(value)
    return complete && Number.isSafeInteger(value?.amount) ? (value as PendingPayment) : null
  } catch {
    return null // not ours, or cut short: an unreadable entry can't be sent again
  }
}

/** A kind that this version does not know can't be sent by it. */
function isKnownKind(value: Partial<PendingPayment> | null): boolean {
  const { kind, refundOf } = value ?? {}
  if (kind !== undefined && !PAYMENT_KINDS.includes(kind)) return false
  return (kind === 'refund') === (typeof refundOf === 'string')
}
