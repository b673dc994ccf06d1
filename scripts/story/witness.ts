/*
 * What can be seen of a payment from outside the services: rows, keys, queues, log lines. Reads
 * only, and changes nothing that anybody else can notice.
 */
import { readFileSync, statSync } from 'node:fs'
import { EXCHANGE, QUEUES } from '@payflow-app/contracts'
import type { DatabaseName, ServiceName } from '@payflow-app/stack'
import { createIdempotency, type RecordView } from '@payflow/idempotency'
import { redisStore, type RedisPort } from '@payflow/idempotency/redis'
import { waitFor } from '@payflow/testkit'
import amqp, { type Channel, type ChannelModel } from 'amqplib'
import { Redis } from 'ioredis'
import { entryOf, runSql } from '../look/sql.ts'
import type { Row } from './page.ts'
import type { Stage } from './stage.ts'

/** A copy of a message, taken on its way. */
export interface SeenMessage {
  readonly id: string
  readonly routingKey: string
  readonly body: Readonly<Record<string, unknown>>
}

/** How many messages wait in the workers' queue, and how many workers take from it. */
export interface QueueDepth {
  readonly waiting: number
  readonly consumers: number
}

/** A line of a service's log that is about something we look for. */
export interface LogLine {
  readonly time: Date
  readonly service: ServiceName
  readonly fields: Readonly<Record<string, unknown>>
}

/** The record of an idempotency key, and the name it has in Redis. */
export interface KeyRecord {
  readonly redisKey: string
  readonly record: RecordView
}

const LOGS: readonly ServiceName[] = ['wallet', 'worker']

export class Witness implements AsyncDisposable {
  readonly #stage: Stage
  readonly #redis: Redis
  readonly #connection: ChannelModel
  readonly #channel: Channel
  readonly #messages = new Map<string, SeenMessage>()
  /** Where each log ended when the story began: what is older is not ours. */
  readonly #logStarts = new Map<ServiceName, number>()

  private constructor(stage: Stage, redis: Redis, connection: ChannelModel, channel: Channel) {
    this.#stage = stage
    this.#redis = redis
    this.#connection = connection
    this.#channel = channel
    for (const name of LOGS) this.#logStarts.set(name, statSync(stage.log(name)).size)
  }

  static async open(stage: Stage): Promise<Witness> {
    const redis = new Redis(entryOf(stage.entries(), 'redis').url, { maxRetriesPerRequest: 1 })
    redis.on('error', () => undefined)
    const connection = await amqp.connect(entryOf(stage.entries(), 'rabbitmq').url)
    connection.on('error', () => undefined)
    const witness = new Witness(stage, redis, connection, await connection.createChannel())
    await witness.#listenIn()
    return witness
  }

  /** A queue of our own behind the same exchange gets a copy of each order, and then is no more. */
  async #listenIn(): Promise<void> {
    const { queue } = await this.#channel.assertQueue('', { exclusive: true, autoDelete: true })
    await this.#channel.bindQueue(queue, EXCHANGE, QUEUES.execute)
    const keep = (message: amqp.ConsumeMessage | null) => {
      if (message === null) return
      const body = JSON.parse(message.content.toString('utf8')) as Record<string, unknown>
      const { routingKey } = message.fields
      const id = String(message.properties.messageId)
      this.#messages.set(String(body['paymentId']), { id, routingKey, body })
    }
    await this.#channel.consume(queue, keep, { noAck: true })
  }

  sql(
    database: DatabaseName,
    statement: string,
    values: readonly unknown[],
  ): Promise<readonly Row[]> {
    return runSql(this.#stage.entries(), database, statement, values) as Promise<readonly Row[]>
  }

  /** The message that orders a payment, once the relay has published it. */
  message(paymentId: string): Promise<SeenMessage> {
    return waitFor(() => this.#messages.get(paymentId), {
      message: `the message of payment ${paymentId} to pass through RabbitMQ`,
    })
  }

  async depth(): Promise<QueueDepth> {
    const { messageCount, consumerCount } = await this.#channel.checkQueue(QUEUES.execute)
    return { waiting: messageCount, consumers: consumerCount }
  }

  /** Waits until the queue is as described, and says how it is. */
  depthWhen(what: string, holds: (depth: QueueDepth) => boolean): Promise<QueueDepth> {
    return waitFor(
      async () => {
        const depth = await this.depth()
        return holds(depth) ? depth : undefined
      },
      { timeoutMs: 20_000, message: `${QUEUES.execute} to have ${what}` },
    )
  }

  /** Reads the record that the gateway keeps of a request, the way the gateway does. */
  async keyRecord(userId: string, key: string): Promise<KeyRecord | undefined> {
    let redisKey = ''
    const redis = this.#redis
    // Scripts are called as: command, script, number of keys, key, arguments.
    const client: RedisPort = {
      callBuffer(command, ...args) {
        redisKey = String(args[2])
        return redis.callBuffer(command, ...args)
      },
    }
    const idempotency = createIdempotency({
      store: redisStore({ client, deadlineMs: 5_000 }),
      scope: () => userId,
    })
    const record = await idempotency.inspect({ name: 'POST /api/transactions', key, scope: userId })
    return record && { redisKey, record }
  }

  /** Lines since the story began that contain a text, of wallet-service and the worker. */
  logLines(text: string): readonly LogLine[] {
    return LOGS.flatMap((service) =>
      readFileSync(this.#stage.log(service))
        .subarray(this.#logStarts.get(service) ?? 0)
        .toString('utf8')
        .split('\n')
        .filter((line) => line.includes(text))
        .map((line) => JSON.parse(line) as Record<string, unknown>)
        .map((fields) => ({ service, fields, time: new Date(String(fields['time'])) })),
    ).toSorted((one, other) => one.time.getTime() - other.time.getTime())
  }

  /** The first of those lines that says this. */
  line(text: string, says: RegExp): LogLine | undefined {
    return this.logLines(text).find(({ fields }) => says.test(String(fields['message'])))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#redis.disconnect()
    // A connection that is gone already must not hide why the story broke off.
    await this.#connection.close().catch(() => undefined)
  }
}
