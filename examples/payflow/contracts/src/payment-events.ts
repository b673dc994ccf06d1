/** What happens to a payment, as it is written down and as it is streamed. */
import { z } from 'zod'
import { idField, instantField } from './fields.ts'
import { FAILURE_CODES, type PaymentStatus } from './statuses.ts'

/**
 * The kinds of event of a payment, each of which it has at most once.
 *
 * - `accepted`: the money is held, and payment and message are written down.
 * - `dispatched`: the broker has confirmed the message.
 * - `completed`: the money has moved; the worker, or the reversal, has written that down.
 * - `failed`: the worker has written down that no money has moved and none will.
 * - `reversed`: the same, written by the reversal job: the payment did not end in time.
 */
export const PAYMENT_EVENT_TYPES = [
  'accepted',
  'dispatched',
  'completed',
  'failed',
  'reversed',
] as const

/** A kind of event of a payment. */
export type PaymentEventType = (typeof PAYMENT_EVENT_TYPES)[number]

/** After one of these the payment never changes its status again. */
export const PAYMENT_END_EVENTS = ['completed', 'failed', 'reversed'] as const

/** Tells whether a payment ends with an event of this kind. */
export function isPaymentEnd(type: string): boolean {
  return (PAYMENT_END_EVENTS as readonly string[]).includes(type)
}

/**
 * Every possible life of a payment by the status it has led to: the kinds of its events in their
 * order, with blanks between them, as a regular expression that JavaScript and PostgreSQL read alike.
 *
 * `dispatched` may come last. The broker delivers before the relay has read its confirmation, and a
 * worker that is quick has completed the payment by then.
 */
export const PAYMENT_HISTORIES: Readonly<Record<PaymentStatus, string>> = {
  PENDING: '^accepted( dispatched)?$',
  COMPLETED: '^accepted(( dispatched)? completed| completed dispatched)$',
  FAILED: '^accepted(( dispatched)? (failed|reversed)| (failed|reversed) dispatched)$',
}

/** Tells whether a payment that has this status can have had these events, in this order. */
export function isPaymentHistory(status: PaymentStatus, types: readonly string[]): boolean {
  return new RegExp(PAYMENT_HISTORIES[status]).test(types.join(' '))
}

/** The data of one event in the stream of a payment's events. */
export const paymentEventView = z.object({
  paymentId: idField,
  type: z.enum(PAYMENT_EVENT_TYPES),
  at: instantField,
  failureCode: z
    .enum(FAILURE_CODES)
    .optional()
    .describe('Why it failed: told to who asked for it, and to nobody else.'),
})
export type PaymentEventView = z.infer<typeof paymentEventView>
