import { connect } from 'amqplib'
import type { Channel, ChannelModel, GetMessage, Options } from 'amqplib'
import type { Kysely } from 'kysely'
import { sql } from 'kysely'
import { createTestDatabase, sharedServers, uniqueName, waitFor } from '@payflow/testkit'
import type { TestDatabase } from '@payflow/testkit'
import { createBus, migrateQueue } from '../../src/index.ts'
import type { Bus, BusEvent, BusOptions } from '../../src/index.ts'

/** The package's tables, and one where handlers leave what they did; it doesn't prevent doubles. */
export async function migrateWorld(db: Kysely<any>): Promise<void> {
  await migrateQueue(db)
  await sql`create table effect (
    seq bigint generated always as identity,
    message_id text not null,
    note text not null,
    constraint effect_note_not_forbidden check (note <> 'forbidden')
  )`.execute(db)
}

export interface WorldOptions {
  readonly rabbitmqUrl?: string
  readonly postgresUrl?: string
}

/** A database, an exchange and a queue nobody else uses, and whatever buses a test makes of them. */
export class World {
  readonly database: TestDatabase
  readonly rabbitmqUrl: string
  readonly exchange: string = uniqueName('exchange')
  readonly queue: string = uniqueName('queue')
  readonly events: BusEvent[] = []
  readonly #buses: Bus[] = []
  #admin: ChannelModel | undefined
  #channel: Channel | undefined

  constructor(database: TestDatabase, rabbitmqUrl: string) {
    this.database = database
    this.rabbitmqUrl = rabbitmqUrl
  }

  get db(): Kysely<any> {
    return this.database.db
  }

  bus(options: Partial<BusOptions<any>> = {}): Bus {
    const bus = createBus<any>({
      broker: { url: this.rabbitmqUrl },
      db: this.db,
      source: 'queue-tests',
      topology: { exchange: this.exchange },
      onEvent: (event) => this.events.push(event),
      ...options,
    })
    this.#buses.push(bus)
    return bus
  }

  /** A bus whose exchange brings notes to {@link World.queue}. */
  publishingBus(options: Partial<BusOptions<any>> = {}): Bus {
    return this.bus({
      topology: {
        exchange: this.exchange,
        bindings: [{ queue: this.queue, types: ['notes.written'] }],
      },
      ...options,
    })
  }

  /** Events of one type so far. */
  eventsOf<T extends BusEvent['type']>(type: T): Extract<BusEvent, { type: T }>[] {
    return this.events.filter(
      (event): event is Extract<BusEvent, { type: T }> => event.type === type,
    )
  }

  /** A raw channel, for what no bus would do. */
  async channel(): Promise<Channel> {
    if (this.#channel !== undefined) return this.#channel
    this.#admin = await connect(this.rabbitmqUrl, { noDelay: true })
    this.#admin.on('error', () => {})
    const channel = await this.#admin.createChannel()
    channel.on('error', () => {})
    channel.on('close', () => (this.#channel = undefined))
    this.#channel = channel
    return channel
  }

  /** Puts bytes straight into a queue. */
  async send(queue: string, body: string | Buffer, options: Options.Publish = {}): Promise<void> {
    const channel = await this.channel()
    channel.sendToQueue(queue, Buffer.from(body), { persistent: true, ...options })
  }

  async ready(queue: string = this.queue): Promise<number> {
    const channel = await this.channel()
    return (await channel.checkQueue(queue)).messageCount
  }

  /** Takes the next message out of a queue, waiting for one. */
  async take(queue: string): Promise<GetMessage> {
    const channel = await this.channel()
    return await waitFor(
      async () => {
        const message = await channel.get(queue, { noAck: true })
        return message === false ? undefined : message
      },
      { message: `a message in ${queue}`, timeoutMs: 30_000 },
    )
  }

  /** Rows in the outbox, whatever their state. */
  async outboxRows(): Promise<number> {
    const { rows } = await sql<{ n: number }>`
      select count(*)::integer as n from queue.outbox`.execute(this.db)
    return rows[0]?.n ?? 0
  }

  /** The notes handlers left, in order. */
  async effects(): Promise<string[]> {
    const rows = await sql<{ note: string }>`select note from effect order by seq`.execute(this.db)
    return rows.rows.map((row) => row.note)
  }

  async waitForEffects(count: number, timeoutMs = 20_000): Promise<string[]> {
    return await waitFor(
      async () => {
        const effects = await this.effects()
        return effects.length >= count ? effects : undefined
      },
      { message: `${count} effects`, timeoutMs },
    )
  }

  /** Drains every bus, deletes what was declared, drops the database. */
  async dispose(): Promise<void> {
    await Promise.all(this.#buses.map((bus) => bus.drain({ deadlineMs: 5_000 })))
    await this.deleteTopology().catch(() => {})
    await this.#admin?.close().catch(() => {})
    await this.database.dispose()
  }

  async deleteTopology(delaysMs: readonly number[] = [10, 20, 50, 100, 200, 400]): Promise<void> {
    await this.deleteQueues(this.queue, delaysMs)
    await (await this.channel()).deleteExchange(this.exchange)
  }

  /** A work queue with what belongs to it. */
  async deleteQueues(queue: string, delaysMs: readonly number[]): Promise<void> {
    const channel = await this.channel()
    for (const suffix of ['', '.parked', ...delaysMs.map((delayMs) => `.wait.${delayMs}`)]) {
      await channel.deleteQueue(queue + suffix)
    }
  }
}

export async function createWorld(options: WorldOptions = {}): Promise<World> {
  const database = await createTestDatabase({
    migrate: migrateWorld,
    cacheKey: 'queue-world-5',
    ...(options.postgresUrl === undefined ? {} : { serverUrl: options.postgresUrl }),
  })
  return new World(database, options.rabbitmqUrl ?? sharedServers().rabbitmqUrl)
}

/** Leaves a mark in the handler's own transaction. */
export async function leaveEffect(
  trx: Kysely<any>,
  messageId: string,
  note: string,
): Promise<void> {
  await sql`insert into effect (message_id, note) values (${messageId}, ${note})`.execute(trx)
}

/** Writes into the outbox and wakes the relays, as a service does after its commit. */
export async function inTransaction<T>(
  bus: Bus,
  db: Kysely<any>,
  work: (trx: Kysely<any>) => Promise<T>,
): Promise<T> {
  const result = await db.transaction().execute(work)
  bus.wake()
  return result
}
