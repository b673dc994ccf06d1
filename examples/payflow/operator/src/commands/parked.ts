import type { ParkedMessage } from '@payflow/queue'
import { sql } from 'kysely'
import { exitCodes } from '../exit-codes.ts'
import { amountText } from '../print/amount.ts'
import { durationText } from '../print/duration.ts'
import { WORK_QUEUES, type Stores } from '../stores.ts'
import type { CommandContext } from './context.ts'

/** A message that was given up, and what it is about. */
export interface ParkedRow {
  readonly queue: string
  readonly id: string | undefined
  readonly type: string | undefined
  readonly key: string | undefined
  readonly reason: string
  readonly attempts: number | undefined
  readonly error: string | undefined
  readonly parkedAt: Date | undefined
  /** The payment it is about, in words; never the message itself, which may hold a secret. */
  readonly about: string | undefined
}

/** The most that one look takes in hand: what lies behind is not seen. */
const LOOK_MAX = 10_000

/** `payflow parked`: what was given up, in every queue, oldest first. */
export async function parked({ stores, print }: CommandContext): Promise<number> {
  const rows = await readParked(stores)
  if (print.json) {
    print.value(rows)
  } else if (rows.length === 0) {
    print.line('nothing is parked')
  } else {
    print.table(rows.map((row) => cellsOf(row)))
    print.line()
    print.line("send back: payflow redrive <id> --because '…'   (--all for all of them)")
  }
  return exitCodes.ok
}

/** Everything that is parked, with what it is about. */
export async function readParked(stores: Stores): Promise<ParkedRow[]> {
  const found: [string, ParkedMessage][] = []
  for (const work of WORK_QUEUES) {
    const { messages } = await stores.busOf(work).parked(work.queue).list({ limit: LOOK_MAX })
    for (const message of messages) found.push([work.queue, message])
  }
  const payments = await paymentsOf(
    stores,
    found.flatMap(([, { key }]) => key ?? []),
  )
  return found.map(([queue, { id, type, key, reason, attempts, error, parkedAt }]) => ({
    queue,
    id,
    type,
    key,
    reason,
    attempts,
    error,
    parkedAt,
    about: key === undefined ? undefined : payments.get(key),
  }))
}

/** A row as a person reads it. */
export function cellsOf({ queue, id, reason, attempts, parkedAt, about, error }: ParkedRow) {
  return {
    queue,
    id: id ?? '(none)',
    reason,
    attempts: attempts === undefined ? '-' : String(attempts),
    age: parkedAt === undefined ? '-' : durationText(Date.now() - parkedAt.getTime()),
    about: about ?? '-',
    error: error?.split('\n')[0]?.slice(0, 100) ?? '-',
  }
}

async function paymentsOf(
  stores: Stores,
  keys: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  const { rows } = await sql<{
    id: string
    status: string
    amountMinor: string
    currency: string
  }>`
    select id, status, amount_minor as "amountMinor", currency from payments
    where id::text = any(${keys}::text[])`.execute(stores.books.book('transaction'))
  return new Map(
    rows.map(({ id, status, amountMinor, currency }) => [
      id,
      `payment ${id}, ${amountText(amountMinor, currency)}, ${status}`,
    ]),
  )
}
