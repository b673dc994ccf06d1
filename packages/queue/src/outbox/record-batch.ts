import type { Kysely, Transaction } from 'kysely'
import { backoffMs } from '../backoff.ts'
import type { QueueErrorCode } from '../errors.ts'
import type { ClaimedRow } from '../postgres/claim-batch.ts'
import { fencePartitions } from '../postgres/fence-partitions.ts'
import type { Lease } from '../postgres/lease-partitions.ts'
import { markRefused } from '../postgres/mark-refused.ts'
import { markSent } from '../postgres/mark-sent.ts'
import { isSerializationFailure } from '../postgres/pg-errors.ts'
import { queryThrough } from '../postgres/query.ts'
import { unclaimRows } from '../postgres/unclaim-rows.ts'
import { errorText } from '../reporter.ts'
import type { SentBatch } from './send-batch.ts'
import type { ConfirmedRow } from './types.ts'

interface RecordContext {
  readonly db: Kysely<any>
  readonly schema: string
  readonly relay: string
  readonly maxAttempts: number
  readonly onConfirmed:
    | ((trx: Transaction<any>, rows: readonly ConfirmedRow[]) => Promise<void>)
    | undefined
}

const REFUSED_AGAIN = { baseMs: 1_000, maxMs: 60_000 }
const DEADLOCK_RETRIES = 5

/**
 * Whether this refusal was the last the row is given. A negative confirm never is: so does a queue answer
 * that is full or has lost the majority of its nodes, for as long as that lasts, and no row is to blame.
 */
export function exhausted(
  row: Pick<ClaimedRow, 'attempts'>,
  error: { readonly retryable: boolean; readonly code: QueueErrorCode },
  max: number,
): boolean {
  if (!error.retryable) return true
  return error.code !== 'QUEUE_NACKED' && row.attempts + 1 >= max
}

/** Writes down what became of a batch. Rows with an unknown outcome stay pending, as they are. */
export async function recordBatch(context: RecordContext, batch: SentBatch): Promise<void> {
  const { db, schema, maxAttempts } = context
  if (batch.confirmed.length > 0) await recordConfirmed(context, batch.confirmed)
  const query = queryThrough(db)
  if (batch.refused.length > 0) {
    await markRefused(
      query,
      schema,
      batch.refused.map(({ row, error }) => ({
        seq: row.seq,
        epoch: row.epoch,
        error: errorText(error),
        park: exhausted(row, error, maxAttempts),
        retryInMs: backoffMs(row.attempts, REFUSED_AGAIN),
      })),
    )
  }
  const untouched = batch.unsent.filter((row) => row.firstClaim)
  if (untouched.length > 0) await unclaimRows(query, schema, untouched)
}

/**
 * With `onConfirmed` this is a transaction: fence first, then the caller's code, then the rows. The
 * caller's code comes before the row locks so that its own locks are taken in the order other
 * transactions take them, which lock their row and then cancel; a deadlock all the same is retried.
 */
async function recordConfirmed(context: RecordContext, rows: readonly ClaimedRow[]): Promise<void> {
  const { db, schema, relay, onConfirmed } = context
  if (onConfirmed === undefined) return await markSent(queryThrough(db), schema, relay, rows)
  for (let round = 0; ; round += 1) {
    try {
      return await db.transaction().execute(async (trx) => {
        const query = queryThrough(trx)
        const ours = await fencePartitions(query, schema, leasesOf(rows))
        const fenced = rows.filter((row) => ours.has(row.partition))
        if (fenced.length === 0) return
        await onConfirmed(
          trx,
          fenced.map(({ id, type, key }) => ({ id, type, key })),
        )
        await markSent(query, schema, relay, fenced)
      })
    } catch (error) {
      if (!isSerializationFailure(error) || round >= DEADLOCK_RETRIES) throw error
    }
  }
}

function leasesOf(rows: readonly ClaimedRow[]): Lease[] {
  const leases = new Map<string, Lease>()
  for (const { partition, epoch } of rows) {
    leases.set(`${partition} ${epoch}`, { partition, epoch })
  }
  return [...leases.values()]
}
