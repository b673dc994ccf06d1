import { deleteActions } from '../postgres/delete-actions.ts'
import { foldConsumerCounts } from '../postgres/fold-consumer-counts.ts'
import { foldInboxRemoved } from '../postgres/fold-inbox-removed.ts'
import { foldOutboxConfirmed } from '../postgres/fold-outbox-confirmed.ts'
import { foldOutboxRemoved } from '../postgres/fold-outbox-removed.ts'
import { inboxExtent } from '../postgres/inbox-extent.ts'
import type { Query } from '../postgres/query.ts'
import { sweepAttempts } from '../postgres/sweep-attempts.ts'
import { sweepInbox } from '../postgres/sweep-inbox.ts'
import type { SweepResult } from './types.ts'

/** A statement takes about a MiB of the inbox, some ten thousand rows, and so tens of milliseconds. */
const PAGES_A_BATCH = 128
const ATTEMPTS_A_BATCH = 1_000

/** Forgets ids and attempts of these consumers that are older than the retention. */
export async function sweepMessages(
  query: Query,
  schema: string,
  consumers: readonly string[],
  options: { readonly retentionMs: number; readonly signal?: AbortSignal | undefined },
): Promise<Pick<SweepResult, 'inboxRows' | 'attemptRows' | 'batches'>> {
  const { retentionMs, signal } = options
  const { pages, cutoff } = await inboxExtent(query, schema, retentionMs)
  let inboxRows = 0
  let attemptRows = 0
  let batches = 0
  for (let page = 0; page < pages && signal?.aborted !== true; page += PAGES_A_BATCH) {
    const part = { fromPage: page, toPage: page + PAGES_A_BATCH }
    inboxRows += await sweepInbox(query, schema, part, consumers, cutoff)
    batches += 1
  }
  for (let full = true; full && signal?.aborted !== true; batches += 1) {
    const rows = await sweepAttempts(query, schema, consumers, cutoff, ATTEMPTS_A_BATCH)
    attemptRows += rows
    full = rows === ATTEMPTS_A_BATCH
  }
  return { inboxRows, attemptRows, batches }
}

/** Keeps what is written for operators short; returns how many rows of the audit that deleted. */
export async function sweepAccounts(
  query: Query,
  schema: string,
  auditRetentionMs: number,
): Promise<number> {
  await foldInboxRemoved(query, schema)
  await foldOutboxRemoved(query, schema)
  await foldOutboxConfirmed(query, schema)
  await foldConsumerCounts(query, schema)
  return await deleteActions(query, schema, auditRetentionMs)
}
