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
import { errorText } from '../reporter.ts'
import type { Unconfirmed } from './round.ts'
import type { ConfirmedRow } from './types.ts'

interface RecordContext {
  readonly db: Kysely<any>
  readonly schema: string
  readonly relay: string
  readonly maxAttempts: number
  /** Sent rows stay in the table. */
  readonly keep: boolean
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

/** Counts refusals; parks what was refused too often. */
export async function recordRefused(
  { db, schema, maxAttempts }: RecordContext,
  refused: readonly Unconfirmed[],
): Promise<void> {
  await markRefused(
    queryThrough(db),
    schema,
    refused.map(({ row, error }) => ({
      seq: row.seq,
      epoch: row.epoch,
      error: errorText(error),
      park: exhausted(row, error, maxAttempts),
      retryInMs: backoffMs(row.attempts, REFUSED_AGAIN),
    })),
  )
}

/**
 * Marks rows as sent; answers whether all of them were still ours. With `retire` the relay's claims end
 * then.
 *
 * With `onConfirmed` this is a transaction: fence first, then the caller's code, then the rows. The
 * caller's code comes before the row locks so that its own locks are taken in the order other
 * transactions take them, which lock their row and then cancel; a deadlock all the same is retried.
 */
export async function recordConfirmed(
  context: RecordContext,
  rows: readonly ClaimedRow[],
  retire: boolean,
): Promise<boolean> {
  const { db, schema, relay, keep, onConfirmed } = context
  const leases = leasesOf(rows)
  for (let round = 0; ; round += 1) {
    try {
      if (onConfirmed === undefined) {
        return await markSent(queryThrough(db), schema, rows, { relay, leases, keep, retire })
      }
      return await db.transaction().execute(async (trx) => {
        const query = queryThrough(trx)
        const ours = await fencePartitions(query, schema, leases)
        const fenced = rows.filter((row) => ours.has(row.partition))
        if (fenced.length === 0) return false
        await onConfirmed(
          trx,
          fenced.map(({ messageId, type, key }) => ({ id: messageId, type, key })),
        )
        const isAll = fenced.length === rows.length
        const options = { relay, leases, keep, retire: retire && isAll }
        return (await markSent(query, schema, fenced, options)) && isAll
      })
    } catch (error) {
      if (!isSerializationFailure(error) || round >= DEADLOCK_RETRIES) throw error
    }
  }
}

function leasesOf(rows: readonly ClaimedRow[]): Lease[] {
  const epochs = new Map(rows.map(({ partition, epoch }) => [partition, epoch]))
  return [...epochs].map(([partition, epoch]) => ({ partition, epoch }))
}
