import { EXCHANGE, QUEUES } from '@payflow-app/contracts'
import * as messages from '@payflow-app/contracts/messages'
import { createBus, type Bus } from '@payflow/queue'
import { Kysely, PostgresDialect } from 'kysely'
import pg from 'pg'
import type { Books } from './books/index.ts'
import type { BookName, Places } from './places.ts'

/** A work queue of PayFlow, with who takes from it. */
export interface WorkQueue {
  readonly queue: string
  /** The name under which its consumer notes messages in the inbox. */
  readonly consumer: string
  /** Where that inbox is. */
  readonly book: BookName
}

/** All work queues, in the order in which a payment meets them. */
export const WORK_QUEUES: readonly WorkQueue[] = [
  { queue: QUEUES.execute, consumer: 'worker', book: 'transaction' },
  { queue: QUEUES.notifications, consumer: 'notifications', book: 'notification' },
]

/** The stores of a running PayFlow, each connected with the first question to it. */
export interface Stores extends AsyncDisposable {
  readonly books: Books
  /** The bus by which this queue is looked into and put right. */
  busOf(queue: WorkQueue): Bus<any>
}

/**
 * How long one statement may take: a page of the books, never all of them, but for the two sums of
 * an audit.
 */
const STATEMENT_TIMEOUT_MS = 60_000

/** Creates the stores. Nothing is connected yet. */
export function openStores(places: Places): Stores {
  const open = new Map<BookName, Kysely<any>>()
  const book = (name: BookName): Kysely<any> => {
    const known = open.get(name)
    if (known) return known
    const pool = new pg.Pool({
      connectionString: places.databases[name],
      application_name: 'payflow-operator',
      max: 4,
      connectionTimeoutMillis: 5_000,
      statement_timeout: STATEMENT_TIMEOUT_MS,
    })
    pool.on('error', () => undefined)
    const db = new Kysely<any>({ dialect: new PostgresDialect({ pool }) })
    open.set(name, db)
    return db
  }
  const buses = new Map<string, Bus<any>>()
  const busOf = ({ queue, consumer, book: name }: WorkQueue): Bus<any> => {
    const known = buses.get(queue)
    if (known) return known
    const bus = createBus({
      broker: { url: places.rabbitmqUrl },
      db: book(name),
      source: 'payflow-operator',
      topology: { exchange: EXCHANGE },
      // What it would say is said by the error that a command ends with.
      logger: { info: quiet, warn: quiet, error: quiet },
    })
    const { PaymentExecute, ...told } = messages
    bus.consumer({
      name: consumer,
      queue,
      messages: queue === QUEUES.execute ? [PaymentExecute] : Object.values(told),
    })
    buses.set(queue, bus)
    return bus
  }
  return {
    books: { book },
    busOf,
    async [Symbol.asyncDispose]() {
      await Promise.all([...buses.values()].map((bus) => bus.drain({ deadlineMs: 2_000 })))
      await Promise.all([...open.values()].map((db) => db.destroy()))
    },
  }
}

function quiet(): void {}
