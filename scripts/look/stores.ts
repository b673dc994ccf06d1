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

interface LogLine {
  readonly time: string
  readonly process: string
  readonly text: string
}

/** Log lines of all processes that contain a text: one story, in order of time. */
export function lookAtLogs(entries: readonly StackEntry[], text: string): void {
  const lines: LogLine[] = []
  for (const { name, kind, log } of entries) {
    if (kind !== 'service' || !existsSync(log)) continue
    for (const line of readFileSync(log, 'utf8').split('\n')) {
      if (line.includes(text)) lines.push({ process: name, ...parseLine(line) })
    }
  }
  lines.sort((one, other) => one.time.localeCompare(other.time))
  printTable(lines.map(({ time, process, text: message }) => ({ time, process, message })))
}

function parseLine(line: string): { time: string; text: string } {
  try {
    const { time, msg } = JSON.parse(line) as { time?: string | number; msg?: string }
    return { time: time === undefined ? '' : new Date(time).toISOString(), text: msg ?? '' }
  } catch {
    return { time: '', text: line }
  }
}
