import type { Attempt } from './attempt.ts'
import { Delivery } from './delivery.ts'
import type { Acknowledgement } from './delivery.ts'
import type { RunContext } from './run-delivery.ts'
import { settle } from './settle.ts'
import type { Held, Settlement } from './settle.ts'

/** A delivery with what is to become of it. */
export interface Concluded {
  readonly delivery: Delivery
  readonly attempt: Attempt
}

/**
 * Settles deliveries of one batch: first those with proof, with as few frames as that takes, then each
 * of the others by itself.
 */
export async function settleBatch<DB>(
  context: RunContext<DB>,
  concluded: readonly Concluded[],
  startedAt: number,
  onSettled: (delivery: Delivery, settlement: Settlement | Held) => void,
): Promise<void> {
  const proven = concluded.filter(({ attempt }) => 'receipt' in attempt.verdict)
  await acknowledge(context, proven)
  const durationMs = performance.now() - startedAt
  for (const { delivery, attempt } of proven) {
    const { verdict, messageType } = attempt
    const messageId = attempt.messageId ?? ''
    const about = { consumer: context.name, messageId, messageType, attempt: attempt.attempt }
    delivery.account = { messageType, attempt: attempt.attempt, error: undefined }
    if (verdict.kind === 'committed') {
      onSettled(delivery, 'committed')
      context.reporter.emit({ type: 'message.committed', ...about, durationMs })
    } else {
      onSettled(delivery, 'duplicate')
      context.reporter.emit({ type: 'message.duplicate', ...about })
    }
  }
  for (const { delivery, attempt } of concluded) {
    if ('receipt' in attempt.verdict) continue
    onSettled(delivery, await settle(context.settle, delivery, attempt))
  }
}

async function acknowledge<DB>(
  { reporter, onPublished }: RunContext<DB>,
  proven: readonly Concluded[],
): Promise<void> {
  if (proven.length === 0) return
  const ids = proven.map(({ attempt }) => attempt.messageId)
  const acknowledgements: Acknowledgement[] = proven.flatMap(({ delivery, attempt: { verdict } }) =>
    'receipt' in verdict ? [{ delivery, proof: verdict.receipt }] : [],
  )
  await reporter.probe('consumer.committed', ids)
  Delivery.acknowledgeAll(acknowledgements)
  await reporter.probe('consumer.acked', ids)
  if (proven.some(({ attempt: { verdict } }) => 'published' in verdict && verdict.published)) {
    onPublished()
  }
}
