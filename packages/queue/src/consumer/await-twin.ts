import type { Kysely } from 'kysely'
import type { InboxVerdict } from '../postgres/insert-inbox.ts'
import { isLockTimeout } from '../postgres/pg-errors.ts'
import { DatabaseTrouble } from './run-transaction.ts'
import { insertAndForget } from './was-committed.ts'
import type { InboxKey } from './was-committed.ts'

/** How long a stop may go unnoticed meanwhile. */
const LOOK_UP_MS = 1_000

/**
 * Waits while another delivery of this message is being handled, here or elsewhere, and says what the
 * inbox then has of it; `undefined` when this delivery was told to stop first.
 *
 * Whoever lost its channel in the middle of a handler goes on and may commit. Until it has ended, what
 * the broker delivers again is neither a try that would count nor a sign that a process died.
 *
 * @throws DatabaseTrouble when the database doesn't answer.
 */
export async function awaitTwin<DB>(
  db: Kysely<DB>,
  key: InboxKey,
  signal: AbortSignal,
): Promise<InboxVerdict | undefined> {
  while (!signal.aborted) {
    try {
      const seen = await insertAndForget(db, key, LOOK_UP_MS)
      if (seen !== 'new') return seen
      return signal.aborted ? undefined : seen
    } catch (error) {
      const cause = error instanceof DatabaseTrouble ? error.cause : error
      if (!isLockTimeout(cause)) throw error
    }
  }
  return undefined
}
