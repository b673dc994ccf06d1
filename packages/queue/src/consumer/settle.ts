import { backoffMs, pause } from '../backoff.ts'
import type { Publisher } from '../broker/publisher.ts'
import { waitQueueName } from '../broker/topology.ts'
import type { Outgoing } from '../envelope.ts'
import type { DeliveryRef, ParkReason } from '../events.ts'
import { failAttempt } from '../postgres/fail-attempt.ts'
import type { Query } from '../postgres/query.ts'
import { withdrawAttempt } from '../postgres/withdraw-attempt.ts'
import { errorText } from '../reporter.ts'
import type { Reporter } from '../reporter.ts'
import type { Attempt } from './attempt.ts'
import type { Delivery } from './delivery.ts'
import { forParking, forRetry } from './forward.ts'
import { MovedReceipt } from './proof.ts'

/** What became of a delivery; the names are those of `ConsumerCounts`. */
export type Settlement = 'committed' | 'duplicate' | 'retried' | 'parked' | 'released' | 'abandoned'

/** Where counting begins. */
export const NO_SETTLEMENTS: Readonly<Record<Settlement, number>> = Object.freeze({
  committed: 0,
  duplicate: 0,
  retried: 0,
  parked: 0,
  released: 0,
  abandoned: 0,
})

/** Not settled: it stays in hand, to be tried again after a while. */
export interface Held {
  readonly heldForMs: number
}

/** What settling needs to know of its consumer. */
export interface SettleContext {
  readonly consumer: string
  readonly queue: string
  readonly parkingQueue: string
  readonly delaysMs: readonly number[]
  readonly maxAttempts: number
  /** Failed messages wait in hand for their next attempt, and with them what comes after them. */
  readonly retryInHand: boolean
  readonly query: Query
  readonly schema: string
  readonly publisher: Publisher
  readonly reporter: Reporter
  /** Aborts when the consumer drains: nothing waits for the broker then. */
  readonly stopping: AbortSignal
  /** Stops consuming until the database answers again. */
  readonly onTrouble: (error: unknown) => Promise<void>
  /** Messages whose started try could not be taken back while the database was away. */
  readonly owedWithdrawals: Set<string>
  /** Declares the consumer's queues again: one of them is missing. */
  readonly redeclare: () => Promise<void>
}

const MOVE_AGAIN = { baseMs: 200, maxMs: 5_000 }

/** Turns a verdict into exactly one settlement of the delivery, or holds it. Never throws. */
export async function settle(
  context: SettleContext,
  delivery: Delivery,
  attempt: Attempt,
): Promise<Settlement | Held> {
  const { verdict, messageType } = attempt
  const { reporter } = context
  const error = 'error' in verdict ? verdict.error : undefined
  delivery.account = { messageType, attempt: attempt.attempt, error }
  switch (verdict.kind) {
    case 'committed':
      await reporter.probe('consumer.committed', attempt.messageId)
      delivery.ack(verdict.receipt)
      await reporter.probe('consumer.acked', attempt.messageId)
      return 'committed'
    case 'duplicate':
      delivery.ack(verdict.receipt)
      reporter.emit({ type: 'message.duplicate', ...reference(context, attempt) })
      return 'duplicate'
    case 'park':
      return await park(context, delivery, attempt, verdict.reason, verdict.error)
    case 'failed':
      return await retry(context, delivery, attempt, verdict.error, verdict.delayMs)
    case 'trouble':
      return await giveBack(context, delivery, attempt, verdict.error)
    case 'interrupted':
      return await abandon(context, delivery, attempt, verdict.error)
  }
}

async function retry(
  context: SettleContext,
  delivery: Delivery,
  attempt: Attempt,
  error: unknown,
  wantedMs: number | undefined,
): Promise<Settlement | Held> {
  const { consumer, schema, query, delaysMs, maxAttempts } = context
  if (!delivery.generation.alive) return await abandon(context, delivery, attempt, error)
  let failed: number
  let firstSeenAt: string
  try {
    ;({ failed, firstSeenAt } = await failAttempt(query, schema, {
      consumer,
      messageId: attempt.messageId ?? '',
      counted: attempt.counted,
      error: errorText(error),
    }))
  } catch (trouble) {
    return await giveBack(context, delivery, attempt, trouble)
  }
  const concluded = { ...attempt, counted: false, attempt: failed }
  if (failed >= maxAttempts) {
    return await park(context, delivery, concluded, 'attempts-exhausted', error, firstSeenAt)
  }
  const delayMs = chooseDelay(delaysMs, failed, wantedMs)
  const retried = { type: 'message.retried', ...reference(context, concluded), delayMs } as const
  if (context.retryInHand) {
    delivery.failed = failed
    context.reporter.emit({ ...retried, error })
    return { heldForMs: delayMs }
  }
  const outgoing = forRetry(delivery.message, waitQueueName(context.queue, delayMs), failed)
  const receipt = await move(context, delivery, outgoing, reference(context, concluded))
  if (receipt === undefined) return await abandon(context, delivery, concluded, error)
  delivery.ack(receipt)
  context.reporter.emit({ ...retried, error })
  return 'retried'
}

/*
 * The count of attempts stays. A process that dies between the confirm and the acknowledgement has the
 * message delivered again, and that copy is then parked too instead of being tried anew.
 */
async function park(
  context: SettleContext,
  delivery: Delivery,
  attempt: Attempt,
  reason: ParkReason,
  error: unknown,
  firstSeenAt?: string,
): Promise<Settlement> {
  const outgoing = forParking(delivery.message, context.parkingQueue, {
    consumer: context.consumer,
    queue: context.queue,
    reason,
    error,
    attempts: attempt.attempt,
    firstSeenAt,
  })
  const about = reference(context, attempt)
  const receipt = await move(context, delivery, outgoing, about)
  if (receipt === undefined) return await abandon(context, delivery, attempt, error)
  delivery.ack(receipt)
  context.reporter.emit({ type: 'message.parked', ...about, reason, error })
  return 'parked'
}

/** Nobody's fault: back to the queue, uncounted, after the consumer has stopped taking more. */
async function giveBack(
  context: SettleContext,
  delivery: Delivery,
  attempt: Attempt,
  error: unknown,
): Promise<Settlement> {
  await context.onTrouble(error)
  return await abandon(context, delivery, attempt, error)
}

async function abandon(
  context: SettleContext,
  delivery: Delivery,
  attempt: Attempt,
  error: unknown,
): Promise<Settlement> {
  const { query, schema, consumer, reporter } = context
  if (attempt.counted && attempt.messageId !== undefined) {
    const { messageId } = attempt
    await withdrawAttempt(query, schema, consumer, messageId).catch(() => {
      context.owedWithdrawals.add(messageId)
    })
  }
  const released = delivery.release()
  const type = released ? 'message.released' : 'message.abandoned'
  reporter.emit({ type, ...reference(context, attempt), error })
  return released ? 'released' : 'abandoned'
}

/** Takes back tries that an outage of the database interrupted, so that outages burn no attempts. */
export async function withdrawOwed(context: SettleContext): Promise<void> {
  const { query, schema, consumer, owedWithdrawals } = context
  for (const messageId of owedWithdrawals) {
    await withdrawAttempt(query, schema, consumer, messageId)
    owedWithdrawals.delete(messageId)
  }
}

/**
 * Puts the message into another queue and waits for the confirm. While the broker refuses, the
 * delivery stays in hand: acknowledging would lose it and releasing would loop. `undefined` when
 * the channel died or the consumer drains; the message may then be in both queues, which the inbox
 * and the common count of attempts make harmless.
 */
async function move(
  context: SettleContext,
  delivery: Delivery,
  outgoing: Outgoing,
  about: DeliveryRef,
): Promise<MovedReceipt | undefined> {
  for (let failures = 0; ; failures += 1) {
    try {
      await context.publisher.publish(outgoing)
      return new MovedReceipt()
    } catch (error) {
      if (!delivery.generation.alive || context.stopping.aborted) return undefined
      if ((error as { code?: string }).code === 'QUEUE_UNROUTABLE') {
        await context.redeclare().catch(() => {})
      }
      const retryInMs = backoffMs(failures, MOVE_AGAIN)
      context.reporter.emit({ type: 'message.held', ...about, error, retryInMs })
      await pause(retryInMs, context.stopping)
      if (!delivery.generation.alive || context.stopping.aborted) return undefined
    }
  }
}

/** The configured delay for this failure, or the shortest that is not shorter than what was asked. */
export function chooseDelay(
  delaysMs: readonly number[],
  failed: number,
  wantedMs: number | undefined,
): number {
  const longest = Math.max(...delaysMs)
  if (wantedMs === undefined) return delaysMs[Math.min(failed, delaysMs.length) - 1] ?? longest
  const enough = delaysMs.filter((delayMs) => delayMs >= wantedMs)
  return enough.length === 0 ? longest : Math.min(...enough)
}

function reference(context: SettleContext, attempt: Attempt): DeliveryRef {
  return {
    consumer: context.consumer,
    messageId: attempt.messageId ?? '',
    messageType: attempt.messageType,
    attempt: attempt.attempt,
  }
}
