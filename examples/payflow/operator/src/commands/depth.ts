import { queueBand, type QueueBand } from '@payflow-app/contracts'
import { sql } from 'kysely'
import { exitCodes } from '../exit-codes.ts'
import { durationText } from '../print/duration.ts'
import type { Printer } from '../print/printer.ts'
import { WORK_QUEUES, type Stores, type WorkQueue } from '../stores.ts'
import type { CommandContext } from './context.ts'

/** How a queue is doing. */
export interface QueueState {
  readonly queue: string
  readonly band: QueueBand
  /** Messages that wait; those a consumer has in hand are not counted. */
  readonly waiting: number
  readonly consumers: number
  /** Messages whose effects were committed in the last minute, by the second. */
  readonly perSecond: number
  /**
   * How long the oldest message has been waiting or in hand, milliseconds; 0 when all is done.
   * Events are looked for among the last thousand only.
   */
  readonly oldestMs: number
  /** Messages that were given up. */
  readonly parked: number
}

/** What has not left the outbox of the payments. */
export interface OutboxState {
  readonly pending: number
  readonly parked: number
  readonly oldestAgeMs: number
}

/** `payflow queue depth`: every queue, with what tells whether its consumers keep up. */
export async function queueDepth({ stores, print }: CommandContext): Promise<number> {
  const queues = await Promise.all(WORK_QUEUES.map((queue) => stateOf(stores, queue)))
  const [execute] = WORK_QUEUES
  const outbox = await stores.busOf(execute as WorkQueue).outboxDepth()
  if (print.json) print.value({ queues, outbox })
  else show(print, queues, outbox)
  return exitCodes.ok
}

async function stateOf(stores: Stores, work: WorkQueue): Promise<QueueState> {
  const { queue, consumer, book } = work
  const bus = stores.busOf(work)
  const [{ ready: waiting, consumers }, { ready: parked }] = await Promise.all([
    bus.queueDepth(queue),
    bus.queueDepth(bus.parked(queue).parkingQueue),
  ])
  const { rows } = await sql<{ lately: number }>`
    select count(*)::int as lately from queue.inbox
    where consumer = ${consumer} and committed_at > now() - interval '1 minute'`.execute(
    stores.books.book(book),
  )
  const perSecond = Math.round(((rows[0]?.lately ?? 0) / 60) * 100) / 100
  const oldestMs =
    work.book === 'transaction' ? await oldestPayment(stores) : await oldestEvent(stores, consumer)
  return { queue, band: queueBand(waiting), waiting, consumers, perSecond, oldestMs, parked }
}

/** Since when the broker has the message of the payment that has waited longest. */
async function oldestPayment(stores: Stores): Promise<number> {
  const { rows } = await sql<{ ms: number | null }>`
    select extract(epoch from now() - min(dispatched_at))::float8 * 1000 as ms
    from payments where status = 'PENDING' and dispatched_at is not null`.execute(
    stores.books.book('transaction'),
  )
  return Math.max(0, Math.round(rows[0]?.ms ?? 0))
}

/** Since when the broker has the oldest event that the inbox does not know, of the last thousand. */
async function oldestEvent(stores: Stores, consumer: string): Promise<number> {
  const { rows: sent } = await sql<{ id: string; ms: number }>`
    select id, extract(epoch from now() - settled_at)::float8 * 1000 as ms
    from (select id, settled_at, type from queue.outbox where state = 'sent'
      order by settled_at desc limit 1000) as sent
    where type <> 'payments.execute' order by settled_at`.execute(stores.books.book('transaction'))
  const { rows: known } = await sql<{ id: string }>`
    select message_id as id from queue.inbox where consumer = ${consumer}
      and message_id = any(${sent.map(({ id }) => id)}::text[])`.execute(
    stores.books.book('notification'),
  )
  const done = new Set(known.map(({ id }) => id))
  return Math.max(0, Math.round(sent.find(({ id }) => !done.has(id))?.ms ?? 0))
}

function show(print: Printer, queues: readonly QueueState[], outbox: OutboxState): void {
  const colour = { fine: print.good, busy: print.warn, delayed: print.bad }
  print.table(
    queues.map(({ queue, band, waiting, consumers, perSecond, oldestMs, parked }) => ({
      queue,
      band: colour[band](band),
      waiting: String(waiting),
      consumers: consumers === 0 ? print.bad('0') : String(consumers),
      'per s': String(perSecond),
      oldest: oldestMs === 0 ? '-' : durationText(oldestMs),
      parked: parked === 0 ? '0' : print.bad(String(parked)),
    })),
  )
  const age = outbox.pending === 0 ? '' : `, the oldest for ${durationText(outbox.oldestAgeMs)}`
  print.line()
  print.line(`outbox: ${outbox.pending} not sent yet${age}; ${outbox.parked} given up`)
  for (const { queue, waiting, consumers, parked } of queues) {
    if (consumers === 0) {
      const waits = waiting === 0 ? '' : `, and ${waiting} wait`
      print.line(print.bad(`${queue}: nobody takes from it${waits}. Start its consumer.`))
    }
    if (parked > 0) print.line(print.bad(`${queue}: ${parked} given up. Look: payflow parked`))
  }
}
