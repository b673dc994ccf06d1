import { setTimeout as pause } from 'node:timers/promises'
import { sql, type Kysely, type Transaction } from 'kysely'
import { Counter, Gauge, type Registry } from 'prom-client'
import type { Logger } from './logger.ts'

/** Rows of one table that are not kept for ever. */
export interface RetentionRule<DB> {
  /** The table, as it is called in metrics and logs. */
  readonly table: string
  /**
   * Deletes at most `rowsMax` rows that are past their time, by the database's clock; returns how
   * many. Fewer than `rowsMax` says that there are no more.
   */
  readonly purge: (trx: Transaction<DB>, rowsMax: number) => Promise<number>
}

/** Options of {@link startRetention}. */
export interface RetentionOptions<DB> {
  readonly db: Kysely<DB>
  readonly rules: readonly RetentionRule<DB>[]
  readonly registry: Registry
  readonly logger: Logger
  /** From the end of one round to the next, milliseconds. */
  readonly intervalMs: number
  /** Rows of one transaction. @defaultValue `1_000` */
  readonly batchRows?: number
}

/** Forgets what is past its time, until it is stopped. */
export interface Retention {
  /** Stops after the batch in hand. Resolves when nothing is in progress any more. */
  stop(): Promise<void>
}

/**
 * The purges of a table take an advisory lock made of this and its name. One for all tables would
 * not do: whoever finds it taken leaves the table to its holder, who must then be at that table.
 */
const LOCK = 7_202_611_222

const BATCH_ROWS = 1_000

/** After a round that failed; doubled with each further one, up to the interval. */
const RETRY_MS = 1_000

/**
 * Starts deleting what is past its time: at once, and then at an interval; after a failure sooner
 * (1 s, 2 s, 4 s …). One table that fails holds up no other. Each batch is a short
 * transaction of its own, and the locks it takes are on rows that nobody needs any more, so nobody
 * waits for it. Of several replicas one purges a table; the others find that out and leave it.
 * Guarantees no moment: a row may stay for an interval longer, or for as long as nothing runs.
 */
export function startRetention<DB>(options: RetentionOptions<DB>): Retention {
  const { intervalMs, rules } = options
  const stopping = new AbortController()
  const { signal } = stopping
  const counters = registerRetentionMetrics(options.registry, rules)
  const ended = (async () => {
    for (let failures = 0; !signal.aborted;) {
      const failed = await runRound(options, signal, counters.purged)
      failures = failed ? failures + 1 : 0
      if (!failed && !signal.aborted) counters.succeeded()
      // Mostly the migrations have not run yet: nobody should wait an hour for that.
      const untilNextMs = failed ? Math.min(intervalMs, RETRY_MS * 2 ** (failures - 1)) : intervalMs
      // Replicas that were started together need not come together.
      const waitMs = untilNextMs * (0.9 + Math.random() * 0.2)
      await pause(waitMs, undefined, { signal, ref: false }).catch(() => undefined)
    }
  })()
  return {
    async stop() {
      stopping.abort()
      await ended
    },
  }
}

/** One look at each table; whether any failed. */
async function runRound<DB>(
  options: RetentionOptions<DB>,
  signal: AbortSignal,
  purged: (table: string, rows: number) => void,
): Promise<boolean> {
  let failed = false
  for (const rule of options.rules) {
    try {
      await purgeAll(options, rule, signal, purged)
    } catch (error) {
      failed = true
      const { table } = rule
      options.logger.warn({ err: error, table }, 'what is past its time could not be deleted')
    }
  }
  return failed
}

async function purgeAll<DB>(
  { db, logger, batchRows = BATCH_ROWS }: RetentionOptions<DB>,
  { table, purge }: RetentionRule<DB>,
  signal: AbortSignal,
  purged: (table: string, rows: number) => void,
): Promise<void> {
  let total = 0
  for (let isMore = true; isMore && !signal.aborted;) {
    const rows = await db.transaction().execute(async (trx) => {
      const { rows: locks } = await sql<{ isOurs: boolean }>`
        select pg_try_advisory_xact_lock(hashtextextended(${table}, ${LOCK}::bigint)) as "isOurs"`.execute(
        trx,
      )
      return locks[0]?.isOurs === true ? await purge(trx, batchRows) : 0
    })
    purged(table, rows)
    total += rows
    isMore = rows >= batchRows
  }
  if (total > 0) logger.info({ table, rows: total }, 'rows past their time were deleted')
}

function registerRetentionMetrics(
  registry: Registry,
  rules: readonly { readonly table: string }[],
): { readonly purged: (table: string, rows: number) => void; readonly succeeded: () => void } {
  const registers = [registry]
  const purged = new Counter({
    name: 'payflow_purged_rows_total',
    help: 'Rows that were past their time and were deleted',
    labelNames: ['table'] as const,
    registers,
  })
  for (const { table } of rules) purged.inc({ table }, 0)
  const last = new Gauge({
    name: 'payflow_purge_last_success_timestamp_seconds',
    help: 'When this process last found nothing more to delete, or left it to another, in Unix time',
    registers,
  })
  // prom-client begins with 0, which would be a success in 1970: until there is one, no value.
  last.remove()
  return {
    purged: (table, rows) => purged.inc({ table }, rows),
    succeeded: () => last.setToCurrentTime(),
  }
}
