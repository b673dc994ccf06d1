import { AsyncLocalStorage } from 'node:async_hooks'
import { setTimeout } from 'node:timers/promises'
import type { Kysely, Transaction } from 'kysely'
import { LedgerError } from './errors.ts'
import type { Busy } from './outcomes.ts'
import { busyOf, collisionIn, databaseFaultOf, faultOf } from './pg-errors.ts'
import { type Fate, fateOf, markOf } from './transaction-fate.ts'
import { oneOf, within } from './within.ts'

const ATTEMPTS_MAX = 20
const BACKOFF_FIRST_MS = 20
const BACKOFF_MAX_MS = 1_000
const RESOLVE_WITHIN_MS = 5_000
const RESOLVE_WITHIN_MS_MAX = 60_000
const ASK_EVERY_MS = 25
const UNKNOWN_RETRY_AFTER_MS = 1_000
const ISOLATIONS = [undefined, 'read committed', 'repeatable read', 'serializable'] as const

/** Options of {@link LedgerUnits.run}. */
export interface RunOptions {
  /**
   * How often the callback may run in all, 1 … 20. Between two attempts a random time passes, evenly
   * between 0 and 20 ms after the first, twice as much after each further one, at most 1 s: the
   * default waits 0.3 s altogether at worst.
   * @defaultValue `5`
   */
  readonly attempts?: number
  /**
   * READ COMMITTED is enough for the ledger's own calls; choose a higher one for statements of your
   * own.
   * @defaultValue that of the database
   */
  readonly isolation?: 'read committed' | 'repeatable read' | 'serializable'
  /**
   * How long to ask, in milliseconds, what became of a COMMIT without an answer; 1 … 60,000. Less
   * answers `unknown` sooner and more often.
   * @defaultValue `5_000`
   */
  readonly resolveWithinMs?: number
  /**
   * Looked at before each attempt, while waiting for the next, and before COMMIT: aborted, nothing
   * is written and its reason is thrown. It does not interrupt your callback.
   */
  readonly signal?: AbortSignal
}

/** Answer of {@link LedgerUnits.run}. */
export type RunResult<T> =
  | {
      /** It has been committed; `value` is what the callback of the last attempt returned. */
      readonly outcome: 'committed'
      readonly value: T
      readonly attempts: number
    }
  | Busy
  | RunUnknown

/**
 * COMMIT was sent, its answer was lost, and the server could not be asked in time. Ask
 * {@link LedgerUnits.resolve} with `xid`, or make the calls of the callback again: each of them
 * knows by its id.
 */
export interface RunUnknown {
  readonly outcome: 'unknown'
  /** Names the transaction; an opaque text. */
  readonly xid: string
  readonly retryAfterMs: number
}

type Work<DB, T> = (trx: Transaction<DB>) => Promise<T>

/** How one attempt ended; anything else was thrown. */
type End<T> =
  | { readonly end: 'committed'; readonly value: T }
  /** Nothing was written. `again`: it may help to do the same once more at once. */
  | { readonly end: 'undone'; readonly busy: Busy; readonly again: boolean }
  | { readonly end: 'unknown'; readonly xid: string }

/** Work of `run` that is under way, for calls made from inside it. */
interface Frame {
  readonly db: Kysely<any>
  readonly outer: Frame | undefined
  active: boolean
}
const frames = new AsyncLocalStorage<Frame>()

/** {@link LedgerUnits.run} */
export async function run<DB, T>(
  db: Kysely<DB>,
  work: Work<DB, T>,
  options: RunOptions = {},
): Promise<RunResult<T>> {
  const attempts = within('attempts', options.attempts ?? 5, ATTEMPTS_MAX)
  within('resolveWithinMs', options.resolveWithinMs ?? RESOLVE_WITHIN_MS, RESOLVE_WITHIN_MS_MAX)
  oneOf('isolation', options.isolation, ISOLATIONS)
  refuseNested(db)
  const frame: Frame = { db, outer: frames.getStore(), active: true }
  try {
    return await frames.run(frame, () => attemptUpTo(attempts, db, work, options))
  } finally {
    frame.active = false
  }
}

function refuseNested(db: Kysely<any>): void {
  let message: string | undefined
  if (db.isTransaction) message = 'run opens a transaction of its own: give it your Kysely'
  for (let frame = frames.getStore(); frame !== undefined; frame = frame.outer) {
    if (frame.active && frame.db === db)
      message = 'run inside run: use the transaction you were given'
  }
  if (message !== undefined) throw new LedgerError('LEDGER_INVALID_OPTION', message)
}

async function attemptUpTo<DB, T>(
  attempts: number,
  db: Kysely<DB>,
  work: Work<DB, T>,
  options: RunOptions,
): Promise<RunResult<T>> {
  for (let attempt = 1; ; attempt += 1) {
    options.signal?.throwIfAborted()
    const ended = await attemptOnce(db, work, options)
    if (ended.end === 'committed') {
      return { outcome: 'committed', value: ended.value, attempts: attempt }
    }
    if (ended.end === 'unknown') {
      return { outcome: 'unknown', xid: ended.xid, retryAfterMs: UNKNOWN_RETRY_AFTER_MS }
    }
    if (!ended.again || attempt === attempts) return ended.busy
    // Full jitter: two that met once must not meet again.
    const ceilingMs = Math.min(BACKOFF_FIRST_MS * 2 ** (attempt - 1), BACKOFF_MAX_MS)
    await pause(Math.random() * ceilingMs, options.signal)
  }
}

/** How far an attempt came, and what it had by then. */
interface Progress<T> {
  stage: 'begin' | 'work' | 'proof' | 'commit'
  thrown?: unknown
  value?: T
  /** Null: the transaction has written nothing. */
  xid: string | null
}

/**
 * One transaction. Kysely's error does not tell how far it came: when a connection breaks, its own
 * ROLLBACK fails as well and that error replaces the first. So it is written down here.
 */
async function attemptOnce<DB, T>(
  db: Kysely<DB>,
  work: Work<DB, T>,
  options: RunOptions,
): Promise<End<T>> {
  const progress: Progress<T> = { stage: 'begin', xid: null }
  const { isolation, signal } = options
  const builder = db.transaction()
  const transaction = isolation === undefined ? builder : builder.setIsolationLevel(isolation)
  try {
    const value = await transaction.execute(async (trx) => {
      try {
        progress.stage = 'work'
        progress.value = await work(trx)
        signal?.throwIfAborted()
        progress.stage = 'proof'
        progress.xid = await markOf(trx)
        progress.stage = 'commit'
        return progress.value
      } catch (error) {
        progress.thrown = error
        throw error
      }
    })
    return { end: 'committed', value }
  } catch (error) {
    if (progress.stage === 'begin') return undone(error)
    if (progress.stage === 'work') return afterThrow(progress.thrown)
    if (progress.stage === 'proof') return undone(progress.thrown)
    return afterCommit(db, progress, error, options)
  }
}

/** A statement of ours failed before COMMIT was sent: nothing was written. */
function undone(error: unknown): End<never> {
  const fault = faultOf(error)
  if (fault.kind === 'fatal') throw fault.error
  return { end: 'undone', busy: busyOf(fault), again: false }
}

/** The callback threw, and the transaction has been rolled back. */
function afterThrow(error: unknown): End<never> {
  const collision = collisionIn(error)
  if (collision !== null) return { end: 'undone', busy: collision, again: true }
  const fault = databaseFaultOf(error)
  if (fault === null) throw error
  return { end: 'undone', busy: busyOf(fault), again: false }
}

/** COMMIT was sent. Only the server knows what came of it, whatever the error says. */
async function afterCommit<T>(
  db: Kysely<any>,
  progress: Progress<T>,
  error: unknown,
  options: RunOptions,
): Promise<End<T>> {
  const { xid } = progress
  if (xid !== null) {
    const fate = await fateInTime(db, xid, options)
    if (fate === 'committed') return { end: 'committed', value: progress.value as T }
    if (fate !== 'aborted') return { end: 'unknown', xid }
  }
  const collision = collisionIn(error)
  if (collision !== null) return { end: 'undone', busy: collision, again: true }
  const fault = faultOf(error)
  // A constraint of the caller's that waits for COMMIT: theirs to read, as it is.
  if (fault.kind === 'fatal') throw error
  return { end: 'undone', busy: busyOf(fault), again: fault.kind === 'lost' }
}

/** Asks until the answer is final or the time is up. */
async function fateInTime(db: Kysely<any>, xid: string, options: RunOptions): Promise<Fate> {
  const deadline = performance.now() + (options.resolveWithinMs ?? RESOLVE_WITHIN_MS)
  for (;;) {
    const fate = await beforehand(deadline - performance.now(), fateOf(db, xid))
    if (fate !== 'in progress') return fate
    if (options.signal?.aborted || performance.now() + ASK_EVERY_MS > deadline) return fate
    await setTimeout(ASK_EVERY_MS)
  }
}

/** The answer; `in progress` when it fails or takes longer, because then nobody knows yet. */
async function beforehand(ms: number, answer: Promise<Fate>): Promise<Fate> {
  const timer = new AbortController()
  try {
    return await Promise.race([
      answer.catch(() => 'in progress' as const),
      setTimeout(ms, 'in progress' as const, { signal: timer.signal }),
    ])
  } finally {
    timer.abort()
  }
}

async function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  await setTimeout(ms, undefined, signal && { signal }).catch(() => undefined)
  signal?.throwIfAborted()
}
