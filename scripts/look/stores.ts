import { existsSync, readFileSync } from 'node:fs'
import { QUEUES } from '@payflow-app/contracts'
import type { StackEntry } from '@payflow-app/stack'
import amqp from 'amqplib'
import { Redis } from 'ioredis'
import { entryOf } from './sql.ts'
import { printTable } from './table.ts'

const KEYS_MAX = 50

/** The records that the gateway keeps of requests, the longest-living first. */
export async function lookAtRedis(entries: readonly StackEntry[]): Promise<void> {
  const redis = new Redis(entryOf(entries, 'redis').url, { maxRetriesPerRequest: 1 })
  redis.on('error', () => undefined)
  try {
    const keys: string[] = []
    for await (const batch of redis.scanStream({ match: 'idempotency:*' })) {
      keys.push(...(batch as string[]))
      if (keys.length >= KEYS_MAX) break
    }
    const rows = await Promise.all(
      keys.slice(0, KEYS_MAX).map(async (key) => ({
        key,
        bytes: await redis.strlen(key),
        livesForS: await redis.ttl(key),
      })),
    )
    printTable(rows.toSorted((one, other) => other.livesForS - one.livesForS))
  } finally {
    redis.disconnect()
  }
}

/** What waits in each queue, and who takes from it. */
export async function lookAtQueues(entries: readonly StackEntry[]): Promise<void> {
  const connection = await amqp.connect(entryOf(entries, 'rabbitmq').url)
  connection.on('error', () => undefined)
  try {
    const rows = []
    for (const name of Object.values(QUEUES).flatMap((queue) => [queue, `${queue}.parked`])) {
      const channel = await connection.createChannel()
      // Asking for a queue that does not exist ends the channel; it says so by rejecting.
      channel.on('error', () => undefined)
      const found = await channel.checkQueue(name).catch(() => undefined)
      rows.push({
        queue: name,
        waiting: found?.messageCount ?? '(no such queue)',
        consumers: found?.consumerCount,
      })
      if (found) await channel.close()
    }
    printTable(rows)
  } finally {
    await connection.close()
  }
}

/** What is read of a line; the services write more. */
interface LogFields {
  readonly time?: string
  readonly durationMs?: number
  readonly message?: string
  readonly paymentId?: string
  readonly requestId?: string
}

interface LogLine {
  readonly process: string
  readonly text: string
  readonly fields: LogFields
}

/**
 * The log lines of one payment, in the order in which what they tell of began: those that bear its
 * id, and those of the requests that made it (the gateway does not know the id before it has
 * answered). Any other text: the lines that contain it.
 */
export function lookAtLogs(entries: readonly StackEntry[], text: string): void {
  const lines = entries.filter(({ kind }) => kind === 'service').flatMap(readLog)
  const ofPayment = lines.filter(({ fields }) => fields.paymentId === text)
  const requests = new Set(ofPayment.flatMap(({ fields }) => fields.requestId ?? []))
  const wanted =
    ofPayment.length === 0
      ? lines.filter((line) => line.text.includes(text))
      : lines.filter(
          ({ fields }) => fields.paymentId === text || requests.has(fields.requestId ?? ''),
        )
  const rows = wanted.map(({ process, fields, text: line }) => ({
    began: began(fields),
    process,
    message: fields.message ?? line,
  }))
  printTable(rows.toSorted((one, other) => one.began.localeCompare(other.began)))
}

/**
 * A request is logged when it has ended, and its caller may have gone on by then: only in the order
 * in which they began do the lines show who called whom.
 */
function began({ time, durationMs = 0 }: LogFields): string {
  return time === undefined ? '' : new Date(Date.parse(time) - durationMs).toISOString()
}

function readLog({ name, log }: StackEntry): LogLine[] {
  if (!existsSync(log)) return []
  return readFileSync(log, 'utf8')
    .split('\n')
    .filter((text) => text !== '')
    .map((text) => ({ process: name, text, fields: parseLine(text) }))
}

function parseLine(line: string): LogFields {
  try {
    return JSON.parse(line) as LogFields
  } catch {
    // A crash writes its stack trace as plain text.
    return {}
  }
}
