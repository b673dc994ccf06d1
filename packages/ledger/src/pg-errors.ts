import { LedgerError } from './errors.ts'
import type { Busy, BusyCause } from './outcomes.ts'

/** What an error of the driver means for the call that met it. */
export type Fault =
  | { readonly kind: 'busy'; readonly busy: Busy; readonly error: LedgerError }
  | { readonly kind: 'lost'; readonly retryAfterMs: number; readonly error: LedgerError }
  | { readonly kind: 'fatal'; readonly error: LedgerError }

const BUSY: Readonly<Record<string, readonly [cause: BusyCause, retryAfterMs: number]>> = {
  '40001': ['serialization', 20],
  '40P01': ['deadlock', 20],
  '55P03': ['lock_timeout', 100],
  '57014': ['statement_timeout', 200],
  '25006': ['unavailable', 1_000], // read-only: a standby, or a server that was one a moment ago
  // Refused before anything could run.
  '53300': ['unavailable', 1_000], // too many connections
  '57P03': ['unavailable', 1_000], // starting up, shutting down
  ECONNREFUSED: ['unavailable', 1_000],
  ENOTFOUND: ['unavailable', 1_000],
  EAI_AGAIN: ['unavailable', 1_000],
}

/** Codes after which nobody knows whether a statement that was sent has been committed. */
const LOST = new Set(['57P01', '57P02', '57P05', '25P03', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT'])
const LOST_RETRY_AFTER_MS = 1_000

const NOT_MIGRATED = new Set(['3F000', '42P01', '42883', '42703'])

/** Errors of `pg` that have no code, only a text. These come before anything was sent. */
const BUSY_TEXT: Readonly<Record<string, readonly [cause: BusyCause, retryAfterMs: number]>> = {
  'timeout exceeded when trying to connect': ['pool_timeout', 200],
  'Connection terminated due to connection timeout': ['unavailable', 1_000],
  'timeout expired': ['unavailable', 1_000],
}
const CONNECTION_TEXT =
  /Connection terminated|encountered a connection error|Client was closed|Query read timeout/

/** Reads a driver's error. */
export function faultOf(error: unknown): Fault {
  const code = codeOf(error)
  const text = error instanceof Error ? error.message : String(error)
  const busy = BUSY[code] ?? BUSY_TEXT[text]
  if (busy !== undefined) {
    const [cause, retryAfterMs] = busy
    return {
      kind: 'busy',
      busy: { outcome: 'busy', cause, retryAfterMs },
      error: new LedgerError('LEDGER_BUSY', `The ledger could not decide: ${cause}; ${text}`, {
        cause: error,
        retryable: true,
      }),
    }
  }
  if (LOST.has(code) || code.startsWith('08') || (code === '' && CONNECTION_TEXT.test(text))) {
    const message = `The connection to PostgreSQL was lost: ${text}`
    return {
      kind: 'lost',
      retryAfterMs: LOST_RETRY_AFTER_MS,
      error: new LedgerError('LEDGER_CONNECTION_LOST', message, { cause: error, retryable: true }),
    }
  }
  return { kind: 'fatal', error: fatal(code, text, error) }
}

/** The same as an answer: a connection that broke before COMMIT was sent wrote nothing either. */
export function busyOf(fault: Exclude<Fault, { kind: 'fatal' }>): Busy {
  if (fault.kind === 'busy') return fault.busy
  return { outcome: 'busy', cause: 'unavailable', retryAfterMs: fault.retryAfterMs }
}

const CAUSES_MAX = 8

/** The serialization failure or deadlock that an error is, or was caused by; null for another. */
export function collisionIn(error: unknown): Busy | null {
  let link = error
  for (let depth = 0; depth < CAUSES_MAX && typeof link === 'object' && link !== null; depth += 1) {
    const code = codeOf(link)
    if (code === '40001' || code === '40P01')
      return busyOf(faultOf(link) as { kind: 'busy' } & Fault)
    link = (link as { cause?: unknown }).cause
  }
  return null
}

/**
 * Reads an error of which nobody knows where it comes from: a fault of PostgreSQL or of its pool
 * that says nothing about the request, or null. Codes of the system (ECONNRESET …) may be another
 * server's.
 */
export function databaseFaultOf(error: unknown): Exclude<Fault, { kind: 'fatal' }> | null {
  const origin = LedgerError.is(error) ? error.cause : error
  const fault = faultOf(origin)
  if (fault.kind === 'fatal') return null
  return LedgerError.is(error) || /^($|\d)/.test(codeOf(origin)) ? fault : null
}

function fatal(code: string, text: string, cause: unknown): LedgerError {
  if (NOT_MIGRATED.has(code)) {
    const message = `The ledger's schema is missing or too old (${text}): run migrateLedger`
    return new LedgerError('LEDGER_NOT_MIGRATED', message, { cause })
  }
  if (code === '25P02') {
    const message = 'An earlier statement of this transaction failed: roll it back'
    return new LedgerError('LEDGER_TRANSACTION_ABORTED', message, { cause })
  }
  return new LedgerError('LEDGER_DATABASE', `PostgreSQL refused (${code || 'no code'}): ${text}`, {
    cause,
  })
}

function codeOf(error: unknown): string {
  const code = (error as { code?: unknown } | null)?.code
  return typeof code === 'string' ? code : ''
}
