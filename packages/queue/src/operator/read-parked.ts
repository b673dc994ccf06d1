import type { ConsumeMessage } from 'amqplib'
import { OWN_HEADER, REASON_HEADER } from '../envelope.ts'
import type { ParkedFilter, ParkedMessage, ParkedMessageDetail } from './types.ts'

/** Names the redrive that sent a message back. */
export const REDRIVE_HEADER: string = `${OWN_HEADER}redrive`

/** What the headers of a parked message tell. Whatever they hold, this doesn't throw. */
export function readParked(message: ConsumeMessage): ParkedMessage {
  const { properties, content } = message
  const headers = (properties.headers ?? {}) as Record<string, unknown>
  const death = lastDeath(headers)
  const own = (name: string): string | undefined => text(headers[`${OWN_HEADER}${name}`])
  const attempts = headers[`${OWN_HEADER}attempts`]
  return {
    id: text(headers['cloudEvents:id']) ?? text(properties.messageId),
    type: text(headers['cloudEvents:type']) ?? text(properties.type),
    key: text(headers['cloudEvents:partitionkey']),
    reason: text(headers[REASON_HEADER]) ?? (death === undefined ? 'unknown' : 'delivery-limit'),
    error: own('error'),
    attempts: typeof attempts === 'number' ? attempts : undefined,
    consumer: own('consumer'),
    queue: own('queue') ?? text(death?.queue),
    parkedAt: date(own('parked-at')) ?? deathTime(death),
    publishedAt: date(text(headers['cloudEvents:time'])),
    bodyBytes: content.length,
    redriveId: text(headers[REDRIVE_HEADER]),
  }
}

/** The same with everything. */
export function readParkedDetail(message: ConsumeMessage): ParkedMessageDetail {
  const { properties, content } = message
  return {
    ...readParked(message),
    headers: { ...properties.headers },
    contentType: text(properties.contentType),
    body: content,
  }
}

/** Whether a message is one of those asked for; `nowMs` is PostgreSQL's clock. */
export function matches(parked: ParkedMessage, where: ParkedFilter, nowMs: number): boolean {
  const { minAgeMs, maxAgeMs } = where
  if (!among(where.id, parked.id) || !among(where.type, parked.type)) return false
  if (!among(where.key, parked.key) || !among(where.reason, parked.reason)) return false
  if (minAgeMs === undefined && maxAgeMs === undefined) return true
  if (parked.parkedAt === undefined) return false
  const ageMs = nowMs - parked.parkedAt.getTime()
  return ageMs >= (minAgeMs ?? Number.NEGATIVE_INFINITY) && ageMs <= (maxAgeMs ?? Infinity)
}

function among(wanted: string | readonly string[] | undefined, found: string | undefined): boolean {
  if (wanted === undefined) return true
  return found !== undefined && (typeof wanted === 'string' ? [wanted] : wanted).includes(found)
}

interface Death {
  readonly queue?: unknown
  readonly time?: unknown
}

/** What the broker wrote when it moved the message here by itself. */
function lastDeath(headers: Record<string, unknown>): Death | undefined {
  const deaths = headers['x-death']
  return Array.isArray(deaths) ? (deaths[0] as Death | undefined) : undefined
}

/** AMQP times are in seconds. */
function deathTime(death: Death | undefined): Date | undefined {
  const time = death?.time as { value?: unknown } | number | undefined
  const seconds = Number(typeof time === 'object' ? time.value : time)
  return Number.isFinite(seconds) ? new Date(seconds * 1_000) : undefined
}

function date(value: string | undefined): Date | undefined {
  const read = new Date(value ?? Number.NaN)
  return Number.isNaN(read.getTime()) ? undefined : read
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}
