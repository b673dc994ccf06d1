import { createTestDatabase, spawnChild, uniqueName, waitFor } from '@payflow/testkit'
import type { Child, TestDatabase } from '@payflow/testkit'
import { migrateQueue } from '@payflow/queue'
import { type Kysely, sql } from 'kysely'
import type { Contender, Place } from './contenders/contender.ts'
import { messages } from './contenders/contender.ts'
import type { Ground } from './part.ts'
import type { Pace, WorkerSettings, WorkOrder } from './worker.ts'

const WORK_TIMEOUT_MS = 120_000

/** What became of the messages: every one should have one effect. */
export interface Effects {
  readonly rows: number
  readonly distinct: number
}

/** One contender with a process, a database and a queue of its own. */
export class Crew implements AsyncDisposable {
  readonly contender: Contender
  readonly place: Place
  /** What was wrong after a slice. */
  readonly faults: string[] = []
  readonly #database: TestDatabase
  #child: Child | undefined
  #slices = 0

  private constructor(contender: Contender, place: Place, database: TestDatabase) {
    this.contender = contender
    this.place = place
    this.#database = database
  }

  static async open(contender: Contender, ground: Ground): Promise<Crew> {
    const database = await createTestDatabase({ serverUrl: ground.postgres.url, migrate })
    const place: Place = {
      databaseUrl: database.url,
      rabbitmqUrl: ground.rabbitmq.url,
      redisUrl: ground.redisUrl,
      queue: uniqueName('bench'),
    }
    await contender.prepare(place)
    return new Crew(contender, place, database)
  }

  /** Hands over messages, lets the contender work on them, looks at what it did. */
  async slice(order: WorkOrder): Promise<Pace> {
    this.#slices += 1
    const { count, bodyBytes } = order
    await this.contender.fill(this.place, messages(`s${this.#slices}`, count, bodyBytes))
    const child = await this.work(order)
    const isPace = (message: { pace?: Pace }): boolean => message.pace !== undefined
    const { pace } = await child.message<{ pace: Pace }>(isPace, { timeoutMs: WORK_TIMEOUT_MS })
    await this.finish(count)
    return pace
  }

  /** Ends a piece of work, looks at what it did, and clears it away. */
  async finish(count: number): Promise<void> {
    await this.rest()
    this.faults.push(...(await this.#wrongIn(count)))
    await this.clear()
  }

  async #wrongIn(count: number): Promise<string[]> {
    const { contender, place } = this
    const left = await contender.left(place)
    const faults = left > 0 ? [`${left} messages are left`] : []
    if (contender.check !== undefined) {
      const fault = await contender.check(place, count)
      return fault === undefined ? faults : [...faults, fault]
    }
    const { rows, distinct } = await this.effects()
    if (rows !== count) faults.push(`${count} messages, ${rows} effects`)
    if (distinct !== rows) faults.push(`${rows - distinct} messages had their effect twice`)
    return faults
  }

  /** Begins to work without an end. */
  async work(order: WorkOrder): Promise<Child> {
    const child = await this.#worker()
    child.send({ work: order })
    await child.message((m) => m.working === true, { timeoutMs: WORK_TIMEOUT_MS })
    return child
  }

  async rest(): Promise<void> {
    this.#child?.send({ rest: true })
    await this.#child?.message((m) => m.resting === true, { timeoutMs: WORK_TIMEOUT_MS })
  }

  async kill(): Promise<void> {
    await this.#child?.kill()
    this.#child = undefined
  }

  async effects(): Promise<Effects> {
    const { rows } = await sql<Effects>`select count(*)::integer as rows,
      count(distinct message_id)::integer as distinct from effect`.execute(this.#database.db)
    return rows[0] ?? { rows: 0, distinct: 0 }
  }

  /** Waits until at least so many effects are there. */
  async untilEffects(rows: number, timeoutMs: number): Promise<void> {
    await waitFor(async () => (await this.effects()).rows >= rows, { timeoutMs })
  }

  async clear(): Promise<void> {
    await sql`truncate effect, inbox, queue.inbox, queue.attempt,
      queue.outbox`.execute(this.#database.db)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill()
    await this.#database.dispose()
  }

  async #worker(): Promise<Child> {
    if (this.#child !== undefined) return this.#child
    const settings: WorkerSettings = { contender: this.contender.name, place: this.place }
    const child = await spawnChild(new URL('worker.ts', import.meta.url), {
      env: { SETTINGS: JSON.stringify(settings) },
    })
    await child.message((m) => m.ready === true, { timeoutMs: 60_000 })
    this.#child = child
    return child
  }
}

export async function migrate(db: Kysely<any>): Promise<void> {
  await migrateQueue(db)
  await sql`create table effect (
    seq bigint generated always as identity primary key,
    message_id text not null, account text not null, amount_minor bigint not null,
    at timestamptz not null default clock_timestamp()
  )`.execute(db)
  await sql`create table inbox (
    consumer text not null, message_id text not null, payload_hash bytea not null,
    committed_at timestamptz not null default now(), handled_at timestamptz,
    primary key (consumer, message_id)
  )`.execute(db)
}
