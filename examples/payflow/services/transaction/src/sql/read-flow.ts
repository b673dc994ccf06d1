import { FLOW_ALARM, type FlowFacts } from '@payflow-app/contracts'
import { sql, type Kysely } from 'kysely'
import type { TransactionDatabase } from '../database.ts'

/** How payments are doing, from the first one on and lately. */
export interface Flow extends FlowFacts {
  readonly pending: number
  /** Payments by what became of them, since the beginning. */
  readonly totals: FlowTotals
  /** When a run of the reversal job ended last, and with success; Unix seconds, `null`: never. */
  readonly reversalRunAtS: number | null
  readonly reversalSuccessAtS: number | null
}

/** What {@link Flow.totals} counts. */
export interface FlowTotals {
  readonly created: number
  /** By the worker. */
  readonly completed: number
  /** By the worker. */
  readonly failed: number
  /** Failed by the reversal job. */
  readonly reversed: number
  /** Completed by the reversal job: the money had moved, only the record was missing. */
  readonly repaired: number
}

interface FlowRow {
  pending: string
  oldestPendingMs: number
  totals: FlowTotals
  recentlyCreated: string
  recentlyReversed: string
  sinceReversedMs: number | null
  sinceCompletedMs: number | null
  reversalRunAtS: number | null
  reversalSuccessAtS: number | null
}

/**
 * Reads how payments are doing, by the clock of the database and in one snapshot. Its cost is that
 * of what is pending now and of the tally's few thousand rows, however long the history is: each
 * half of what is pending is read from the index of its leash. Takes no locks.
 */
export async function readFlow(db: Kysely<TransactionDatabase>): Promise<Flow> {
  const windowMs = `${FLOW_ALARM.windowMs} milliseconds`
  const read = await sql<FlowRow>`
    with pending as (
      select created_at from public.payments where status = 'PENDING' and dispatched_at is null
      union all
      select created_at from public.payments where status = 'PENDING' and dispatched_at is not null
    ), waiting as (
      select count(*) as pending, min(created_at) as oldest from pending
    ), tally as (
      select event, sum(payments)::bigint as payments, max(last_at) as last_at,
        coalesce(sum(payments) filter (
          where minute >= date_trunc('minute', now()) - ${windowMs}::interval), 0) as recent
      from public.payment_tally group by event
    ), events as (
      select jsonb_object_agg(event, payments) as totals,
        sum(recent) filter (where event = 'created') as created,
        sum(recent) filter (where event = 'reversed') as reversed,
        max(last_at) filter (where event = 'reversed') as reversed_at,
        max(last_at) filter (where event = 'completed') as completed_at
      from tally
    )
    select pending,
      coalesce(extract(epoch from now() - oldest) * 1000, 0)::float8 as "oldestPendingMs",
      jsonb_build_object('created', 0, 'completed', 0, 'failed', 0, 'reversed', 0, 'repaired', 0)
        || coalesce(totals, '{}') as totals,
      coalesce(events.created, 0) as "recentlyCreated",
      coalesce(events.reversed, 0) as "recentlyReversed",
      (extract(epoch from now() - reversed_at) * 1000)::float8 as "sinceReversedMs",
      (extract(epoch from now() - completed_at) * 1000)::float8 as "sinceCompletedMs",
      extract(epoch from job.last_ended_at)::float8 as "reversalRunAtS",
      extract(epoch from job.last_success_at)::float8 as "reversalSuccessAtS"
    from waiting cross join events
      left join reversal.job as job on job.name = 'payments'`.execute(db)
  const row = read.rows[0]
  if (row === undefined) throw new Error('an aggregate always has a row')
  const { pending, recentlyCreated, recentlyReversed, ...rest } = row
  return {
    ...rest,
    pending: Number(pending),
    created: Number(recentlyCreated),
    reversed: Number(recentlyReversed),
  }
}
