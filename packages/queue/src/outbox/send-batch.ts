import type { Publisher } from '../broker/publisher.ts'
import type { Outgoing } from '../envelope.ts'
import { BlockedError, QueueError } from '../errors.ts'
import type { ClaimedRow } from '../postgres/claim-batch.ts'

/** What became of a claimed batch. Every row is in exactly one list. */
export interface SentBatch {
  /** From the first message handed over to the last answer. */
  readonly durationMs: number
  readonly confirmed: readonly ClaimedRow[]
  /** The broker said no to these. */
  readonly refused: readonly { readonly row: ClaimedRow; readonly error: QueueError }[]
  /** Not handed to the broker. */
  readonly unsent: readonly ClaimedRow[]
  /** Handed over, with an unknown outcome. */
  readonly unknown: readonly { readonly row: ClaimedRow; readonly error: QueueError }[]
}

/**
 * Publishes a batch: all keys at once, one message a key at a time. After the first of a key that is
 * not confirmed the rest of that key stays unsent, so a key never overtakes itself.
 *
 * @param mayContinue - asked before each message: a relay whose lease ran out stops handing over
 */
export async function sendBatch(
  publisher: Publisher,
  rows: readonly ClaimedRow[],
  mayContinue: () => boolean,
): Promise<SentBatch> {
  const confirmed: ClaimedRow[] = []
  const refused: { row: ClaimedRow; error: QueueError }[] = []
  const unsent: ClaimedRow[] = []
  const unknown: { row: ClaimedRow; error: QueueError }[] = []
  const startedAt = performance.now()

  const sendKey = async (queue: readonly ClaimedRow[]): Promise<void> => {
    for (const [position, row] of queue.entries()) {
      if (!mayContinue()) {
        unsent.push(...queue.slice(position))
        return
      }
      try {
        await publisher.publish(toOutgoing(row))
        confirmed.push(row)
      } catch (error) {
        const fate = fateOf(error)
        if (fate === 'unsent') unsent.push(row)
        else (fate === 'refused' ? refused : unknown).push({ row, error: error as QueueError })
        unsent.push(...queue.slice(position + 1))
        return
      }
    }
  }

  await Promise.all([...Map.groupBy(rows, (row) => row.key).values()].map(sendKey))
  return { confirmed, refused, unsent, unknown, durationMs: performance.now() - startedAt }
}

function fateOf(error: unknown): 'unsent' | 'refused' | 'unknown' {
  if (!QueueError.is(error)) throw error
  switch (error.code) {
    case 'QUEUE_UNROUTABLE':
    case 'QUEUE_NACKED':
    case 'QUEUE_TOO_LARGE':
      return 'refused'
    case 'QUEUE_BROKER_UNAVAILABLE':
    case 'QUEUE_CLOSED':
      return 'unsent'
    case 'QUEUE_BLOCKED':
      return error instanceof BlockedError && !error.handedOver ? 'unsent' : 'unknown'
    default:
      return 'unknown'
  }
}

function toOutgoing(row: ClaimedRow): Outgoing {
  return {
    exchange: row.exchange,
    routingKey: row.routingKey,
    messageId: row.id,
    type: row.type,
    key: row.key,
    headers: row.headers,
    body: row.payload,
  }
}
