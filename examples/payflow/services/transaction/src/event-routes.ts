import { idParams, isPaymentEnd, type PaymentEventView } from '@payflow-app/contracts'
import {
  addLogContext,
  openEventStream,
  parse,
  problem,
  requireUser,
  route,
  userOf,
  validationFailed,
  type EventStream,
  type StreamEnd,
  type StreamSlots,
  type UserTokens,
} from '@payflow-app/service-kit'
import type { Express, Request, Response } from 'express'
import type { Kysely } from 'kysely'
import type { PaymentRow, TransactionDatabase } from './database.ts'
import type { EventFeed } from './event-feed.ts'
import { findPayment } from './sql/find-payment.ts'
import { readEvents, type PaymentEventRow } from './sql/read-events.ts'
import { isAsker } from './views.ts'

/** What the stream of a payment's events works with. */
export interface EventRouteOptions {
  readonly db: Kysely<TransactionDatabase>
  readonly userTokens: UserTokens
  readonly feed: EventFeed
  readonly slots: StreamSlots
  readonly heartbeatMs: number
  /** No stream stays open for longer, and none for longer than its token is valid. */
  readonly lifetimeMaxMs: number
  /** The process is stopping. */
  readonly signal: AbortSignal
  /** Sees how each stream ended. */
  readonly onClosed: (why: StreamEnd | 'gone') => void
}

/** Whoever was cut off comes back after this; spread, so that not all come in one instant. */
const RETRY_MS = { least: 500, spread: 1_000 }

/**
 * `GET /transactions/:id/events`: what happened to a payment and what happens to it, as server-sent
 * events, for its sender and its recipient. Ends after the event that ends the payment; 204 to whoever
 * has seen that, which tells a browser not to come again.
 */
export function eventRoutes(app: Express, options: EventRouteOptions): void {
  const user = requireUser(options.userTokens)
  route(app, '/transactions/:id/events', {
    get: [user, async (req, res) => await follow(options, req, res)],
  })
}

async function follow(options: EventRouteOptions, req: Request, res: Response): Promise<void> {
  const { id } = parse(idParams, req.params, 'path')
  addLogContext({ paymentId: id })
  const lastId = lastEventIdOf(req)
  const giveBack = options.slots.take(userOf(req).userId)
  try {
    const { userId } = userOf(req)
    const payment = await findOwn(options.db, id, userId)
    const events = await readEvents(options.db, new Map([[id, 0n]]))
    // An id that is none of this payment's tells nothing: from the beginning, then.
    const known = events.findIndex((event) => event.id === lastId)
    if (events.slice(0, known + 1).some(({ type }) => isPaymentEnd(type))) {
      res.status(204).end()
    } else if (req.method === 'HEAD') {
      res.status(200).type('text/event-stream').end()
    } else {
      const seenId = known === -1 ? '0' : (lastId ?? '0')
      const unseen = events.slice(known + 1)
      const isOwn = isAsker(payment, userId)
      stream(options, { id, isOwn, seenId, events: unseen, req, res, giveBack })
      return
    }
    giveBack()
  } catch (error) {
    giveBack()
    throw error
  }
}

interface Opened {
  readonly id: string
  /** Whether who listens asked for the payment: the others are not told why it failed. */
  readonly isOwn: boolean
  /** The last event the client has seen; 0: none. */
  readonly seenId: string
  /** What it has not. */
  readonly events: readonly PaymentEventRow[]
  readonly req: Request
  readonly res: Response
  readonly giveBack: () => void
}

function stream(options: EventRouteOptions, opening: Opened): void {
  const { id, isOwn, seenId, events, req, res, giveBack } = opening
  let unwatch = (): void => undefined
  const opened = openEventStream(res, {
    heartbeatMs: options.heartbeatMs,
    retryMs: RETRY_MS.least + Math.floor(Math.random() * RETRY_MS.spread),
    lifetimeMs: Math.min(options.lifetimeMaxMs, userOf(req).expiresAtMs - Date.now()),
    signal: options.signal,
    onClosed(why) {
      unwatch()
      giveBack()
      options.onClosed(why)
    },
  })
  for (const event of events) {
    if (tell(opened, event, isOwn)) return
  }
  const last = BigInt(events.at(-1)?.id ?? seenId)
  unwatch = options.feed.watch(id, last, (event) => void tell(opened, event, isOwn))
  // It may have closed before it was watched: then nobody else ends the watch.
  if (res.destroyed || res.writableEnded) unwatch()
}

/** Sends an event and, after the payment's end, ends the stream; says whether it did. */
function tell(stream: EventStream, event: PaymentEventRow, isOwn: boolean): boolean {
  stream.send({ id: event.id, data: viewOf(event, isOwn) })
  if (!isPaymentEnd(event.type)) return false
  stream.end('complete')
  return true
}

function viewOf({ paymentId, type, at, data }: PaymentEventRow, isOwn: boolean): PaymentEventView {
  const { failureCode } = data as Pick<PaymentEventView, 'failureCode'>
  return { paymentId, type, at: at.toISOString(), ...(isOwn && failureCode && { failureCode }) }
}

/** The same answer to what is not there and to what is not theirs. */
async function findOwn(
  db: Kysely<TransactionDatabase>,
  id: string,
  userId: string,
): Promise<PaymentRow> {
  const payment = await findPayment(db, id)
  if (payment && [payment.fromUserId, payment.toUserId].includes(userId)) return payment
  throw problem('not-found', { detail: 'There is no such transaction' })
}

/** An empty one is sent by who has seen nothing yet. */
function lastEventIdOf(req: Request): string | undefined {
  const given = req.get('last-event-id')
  if (given === undefined || given === '') return undefined
  if (/^[1-9]\d{0,17}$/.test(given)) return given
  const message = 'must be the id of an event of this stream'
  throw validationFailed([{ in: 'header', pointer: '#/Last-Event-ID', message }])
}
