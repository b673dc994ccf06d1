// All of PayFlow on servers of its own, with people who pay each other, and what can be read from
// outside while they do: processor time, durations of requests, what the databases say.
import { randomUUID } from 'node:crypto'
import { auditAll, SOUND, User } from '@payflow-app/e2e'
import { SERVICE_NAMES, type ServiceName, type Stack, startStack } from '@payflow-app/stack'
import { waitFor } from '@payflow/testkit'
import pg from 'pg'
import { Connection, type Reply } from '../lib/connection.ts'
import type { Context } from '../lib/context.ts'
import { cpuSeconds, serverCpuSeconds } from '../lib/cpu.ts'

const SERVERS = ['postgres', 'redis', 'rabbitmq'] as const

/** A process whose time is counted; `load` is the one that asks. */
export type Party = ServiceName | (typeof SERVERS)[number] | 'load'

/** Seconds each has used; undefined where the system does not tell. */
export type Cpu = ReadonlyMap<Party, number | undefined>

/** Requests of one route, and how long they took together. */
export interface Hop {
  readonly count: number
  readonly seconds: number
}

export interface Payment {
  readonly id: string
  /** When it was asked for, in Unix milliseconds. */
  readonly sentAtMs: number
}

/** When a payment was dispatched and completed, in Unix milliseconds by PostgreSQL's clock. */
export interface Times {
  readonly id: string
  readonly createdAtMs: number
  readonly dispatchedAtMs: number
  readonly completedAtMs: number
}

const PASSWORD_HASHES_AT_ONCE = 4

export class Town implements AsyncDisposable {
  readonly #stack: Stack
  readonly #payments: pg.Client
  readonly #notifications: pg.Client
  readonly #users: readonly User[]
  readonly #connections: Connection[]
  /** Payments that were accepted so far. */
  accepted = 0

  static async open(context: Context, people: number): Promise<Town> {
    const stack = await startStack({
      env: {
        gateway: { PAYFLOW_RATE_LIMITS: 'off' },
        auth: { ACCESS_TOKEN_S: '3600' },
        worker: { WORKER_CONCURRENCY: '32', WORKER_BATCH: '8' },
      },
      onDeath: context.say,
    })
    try {
      for (const kind of SERVERS) context.used(kind, stack.server(kind).own?.version ?? '')
      const [payments, notifications] = await Promise.all([
        clientOf(stack.adminUrl('transaction')),
        clientOf(stack.adminUrl('notification')),
      ])
      for (const name of ['fsync', 'synchronous_commit', 'full_page_writes']) {
        const { rows } = await payments.query<{ value: string }>(
          'select current_setting($1) as value',
          [name],
        )
        if (rows[0]?.value !== 'on') throw new Error(`${name} is off: nothing is durable`)
      }
      context.say('everything runs; people register')
      const users: User[] = []
      while (users.length < people) {
        const few = Math.min(PASSWORD_HASHES_AT_ONCE, people - users.length)
        const more = Array.from({ length: few }, () => User.register(stack.url))
        users.push(...(await Promise.all(more)))
      }
      const port = Number(new URL(stack.url).port)
      const connections = await Promise.all(users.map(() => Connection.open(port)))
      return new Town(stack, payments, notifications, users, connections)
    } catch (error) {
      await stack.stop()
      throw error
    }
  }

  private constructor(
    stack: Stack,
    payments: pg.Client,
    notifications: pg.Client,
    users: readonly User[],
    connections: Connection[],
  ) {
    this.#stack = stack
    this.#payments = payments
    this.#notifications = notifications
    this.#users = users
    this.#connections = connections
  }

  /** One payment of this person to another, with a key of its own. */
  async pay(person: number, turn: number): Promise<Payment> {
    const others = this.#users.length - 1
    const recipient = this.#users[(person + 1 + (turn % others)) % this.#users.length]!
    const sentAtMs = performance.timeOrigin + performance.now()
    const body = JSON.stringify({ toUserId: recipient.id, amount: 1, currency: 'USD' })
    const type = 'Content-Type: application/json\r\n'
    const key = `Idempotency-Key: ${randomUUID()}\r\n`
    const reply = await this.#send(person, 'POST /api/transactions', type + key, body)
    if (reply.status !== 202) throw new Error(`a payment was answered ${reply.status}`)
    this.accepted += 1
    return { id: (JSON.parse(reply.body) as { id: string }).id, sentAtMs }
  }

  /** The bare route: the same way in, the same check of the token, and one read. */
  async look(person: number): Promise<void> {
    const reply = await this.#send(person, 'GET /api/wallets/me', '')
    if (reply.status !== 200) throw new Error(`a look was answered ${reply.status}`)
  }

  async #send(person: number, request: string, headers: string, body?: string): Promise<Reply> {
    const token = this.#users[person]!.accessToken
    const all = `Authorization: Bearer ${token}\r\n${headers}`
    // Whoever waited while fewer clients were measured finds theirs closed.
    if (!this.#connections[person]!.isOpen) {
      this.#connections[person] = await Connection.open(Number(new URL(this.#stack.url).port))
    }
    return this.#connections[person]!.send(request, all, body)
  }

  /** Resolves when no payment is PENDING. */
  async ended(): Promise<void> {
    const text = `select exists (select from payments where status = 'PENDING') as pending`
    await waitFor(
      async () =>
        (await this.#payments.query<{ pending: boolean }>(text)).rows[0]?.pending === false,
      { timeoutMs: 120_000, intervalMs: 10, message: 'all payments to end' },
    )
  }

  /** Resolves when both parties of each payment have been told, by notification and by mail. */
  async told(): Promise<void> {
    const written = 'select count(*)::int as n from notifications'
    // Those of a notification are written with it; this much an index knows.
    const unsent = `select count(*)::int as n from mail_deliveries
      where state in ('pending', 'sending')`
    const becomes = async (text: string, n: number, message: string) => {
      const ask = async () => (await this.#notifications.query<{ n: number }>(text)).rows[0]?.n
      await waitFor(async () => (await ask()) === n, {
        timeoutMs: 120_000,
        intervalMs: 50,
        message,
      })
    }
    await becomes(written, 2 * this.accepted, 'all notifications to be written')
    await becomes(unsent, 0, 'all mails to be sent')
  }

  async timesOf(ids: readonly string[]): Promise<readonly Times[]> {
    const { rows } = await this.#payments.query<Times>(
      `select id, (extract(epoch from created_at) * 1000)::float8 as "createdAtMs",
        (extract(epoch from dispatched_at) * 1000)::float8 as "dispatchedAtMs",
        (extract(epoch from completed_at) * 1000)::float8 as "completedAtMs"
        from payments where id = any ($1)`,
      [ids],
    )
    return rows
  }

  cpu(): Cpu {
    const { user, system } = process.cpuUsage()
    const used = new Map<Party, number | undefined>([['load', (user + system) / 1e6]])
    for (const name of SERVICE_NAMES) used.set(name, cpuSeconds([this.#stack.pid(name)]))
    for (const kind of SERVERS) {
      used.set(kind, serverCpuSeconds(this.#stack.server(kind).own?.pid ?? 0))
    }
    return used
  }

  /** All requests of a route so far, as the service that answered them counted. */
  async hop(name: ServiceName, route: string): Promise<Hop> {
    const text = await (await fetch(`${this.#stack.serviceUrl(name)}/metrics`)).text()
    const sum = (kind: 'sum' | 'count') =>
      text
        .split('\n')
        .filter((line) => line.startsWith(`http_request_duration_seconds_${kind}{`))
        .filter((line) => line.includes(`method="POST"`) && line.includes(`route="${route}"`))
        .reduce((all, line) => all + Number(line.slice(line.lastIndexOf(' ') + 1)), 0)
    return { count: sum('count'), seconds: sum('sum') }
  }

  /** What an auditor finds wrong in the databases; empty when all is well. */
  async faults(): Promise<string[]> {
    const audit = await auditAll(this.#stack)
    const right = { ...SOUND, payments: this.accepted, completed: this.accepted, failed: 0 }
    const text = (value: unknown) => (Array.isArray(value) ? `${value.length}` : String(value))
    return Object.entries(right).flatMap(([name, value]) => {
      const found = text(audit[name as keyof typeof right])
      return found === text(value) ? [] : [`${name}: ${found} instead of ${text(value)}`]
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const connection of this.#connections) connection.close()
    await Promise.all([this.#payments.end(), this.#notifications.end()])
    await this.#stack.stop()
  }
}

async function clientOf(connectionString: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString })
  client.on('error', () => undefined)
  await client.connect()
  return client
}
