import { setTimeout as pause } from 'node:timers/promises'
import { paymentFlow, type PaymentFlow } from '@payflow-app/contracts'
import type { Logger } from '@payflow-app/service-kit'
import type { Kysely } from 'kysely'
import type { TransactionDatabase } from './database.ts'
import { foldTally } from './sql/fold-tally.ts'
import { readFlow, type Flow } from './sql/read-flow.ts'

/** What {@link watchFlow} works with. */
export interface FlowWatchOptions {
  readonly db: Kysely<TransactionDatabase>
  readonly logger: Logger
  /** From one look to the next. */
  readonly intervalMs: number
  /** Ends the watch. */
  readonly signal: AbortSignal
}

/** A look at payments as a whole that is repeated until the process ends. */
export interface FlowWatch {
  /** What the last look has found; undefined when it is too old to be told to anybody. */
  current(): PaymentFlow | undefined
  /** Resolves when the watch has ended. */
  readonly ended: Promise<void>
}

/** While it lasts, it is said again this often: a log is read from wherever somebody begins. */
const REPEAT_MS = 300_000
/** How often the tally is folded. */
const FOLD_MS = 60_000
/** A look that was this long ago says nothing about now. */
const OUTDATED_MS = 60_000

const sentences: Readonly<Record<Exclude<PaymentFlow, 'normal'>, string>> = {
  reversing: 'payments are being reversed instead of executed: look for what executes none',
  stalled: 'payments are accepted and none is completed: look at the worker and the broker',
}

/**
 * Looks at how payments are doing, and says so at level `error` when they are out of order: at
 * once, and again every five minutes. Every replica does; the state comes from the database, so all
 * of them say the same.
 */
export function watchFlow(options: FlowWatchOptions): FlowWatch {
  let last: { readonly state: PaymentFlow; readonly atMs: number } | undefined
  const report = flowReporter(options.logger)
  const ended = look(options, (flow) => {
    last = { state: paymentFlow(flow), atMs: performance.now() }
    report(last.state, flow)
  })
  return {
    current: () =>
      last !== undefined && performance.now() - last.atMs < OUTDATED_MS ? last.state : undefined,
    ended,
  }
}

async function look(
  { db, logger, intervalMs, signal }: FlowWatchOptions,
  found: (flow: Flow) => void,
): Promise<void> {
  let foldAtMs = 0
  while (!signal.aborted) {
    try {
      found(await readFlow(db))
      if (performance.now() >= foldAtMs) {
        foldAtMs = performance.now() + FOLD_MS
        while (!signal.aborted && (await foldTally(db)) > 0);
      }
    } catch (error) {
      logger.warn({ err: error }, 'how payments are doing could not be read')
    }
    await pause(intervalMs, undefined, { signal }).catch(() => undefined)
  }
}

/** Says what has changed, and what goes on. */
function flowReporter(logger: Logger): (state: PaymentFlow, flow: Flow) => void {
  let said: PaymentFlow = 'normal'
  let saidAtMs = 0
  return (state, flow) => {
    const nowMs = performance.now()
    if (state === said && (state === 'normal' || nowMs - saidAtMs < REPEAT_MS)) return
    said = state
    saidAtMs = nowMs
    const fields = { event: 'payment_flow', flow: state, ...figuresOf(flow) }
    if (state === 'normal') logger.info(fields, 'payments are in order again')
    else logger.error(fields, sentences[state])
  }
}

function figuresOf({ created, reversed, pending, oldestPendingMs, sinceCompletedMs }: Flow) {
  return {
    createdLately: created,
    reversedLately: reversed,
    pending,
    oldestPendingS: Math.round(oldestPendingMs / 1_000),
    sinceCompletedS: sinceCompletedMs === null ? null : Math.round(sinceCompletedMs / 1_000),
  }
}
