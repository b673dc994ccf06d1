import type { Kysely } from 'kysely'
import { backoffMs, pause } from '../backoff.ts'
import { insertInbox } from '../postgres/insert-inbox.ts'
import type { InboxVerdict } from '../postgres/insert-inbox.ts'
import { isLockTimeout } from '../postgres/pg-errors.ts'
import { DatabaseTrouble, runTransaction } from './run-transaction.ts'

/** The inbox row by which a transaction is known. */
export interface InboxKey {
  readonly schema: string
  readonly consumer: string
  readonly messageId: string
  readonly hash: Buffer
}

/** Longer than a server needs to notice a closed socket; a message in doubt is in hand meanwhile. */
const WITHIN_MS = 5_000
const ASK_AGAIN = { baseMs: 50, maxMs: 500 }

/**
 * Whether the transaction that inserted this inbox row was committed, asked on another connection;
 * `undefined` when that can't be told within five seconds.
 *
 * Inserts the row once more and rolls that back. While the transaction in doubt is in progress, its
 * entry in the unique index makes the insert wait; then there is a conflict (it was committed) or
 * none (it was aborted). pg_xact_status would tell the same of a transaction id, but after a fail-over
 * to a replica that lacks the transaction, the id may have been given to another one.
 *
 * Answers for the server that is asked: when that is an asynchronous replica that was promoted, work
 * it never received counts as not done, and is done again there.
 */
export async function wasCommitted<DB>(
  db: Kysely<DB>,
  key: InboxKey,
): Promise<boolean | undefined> {
  const never = new AbortController().signal
  const endsAt = performance.now() + WITHIN_MS
  for (let failures = 0; ; failures += 1) {
    const leftMs = Math.round(endsAt - performance.now())
    if (leftMs <= 0) return undefined
    try {
      const verdict = await insertAndForget(db, key, leftMs)
      // Another message of the same id was committed instead: the redelivery will tell.
      return verdict === 'id-reuse' ? undefined : verdict === 'duplicate'
    } catch (error) {
      const cause = error instanceof DatabaseTrouble ? error.cause : error
      if (isLockTimeout(cause)) return undefined
      await pause(backoffMs(failures, ASK_AGAIN), never)
    }
  }
}

/** Asks what the inbox has, once no transaction in progress can change it; throws after that time. */
export async function insertAndForget<DB>(
  db: Kysely<DB>,
  { schema, consumer, messageId, hash }: InboxKey,
  lockTimeoutMs: number,
): Promise<InboxVerdict> {
  const result = await runTransaction<DB, InboxVerdict>(db, {
    isolation: 'read committed',
    open: async (query) => {
      await query(`set local lock_timeout = ${lockTimeoutMs}`)
      return await insertInbox(query, schema, consumer, messageId, hash)
    },
    work: async () => {},
    finish: async () => {},
    wasCommitted: async () => undefined,
  })
  if (result.outcome === 'committed') throw new Error('Nothing was to be committed')
  return result.value
}
