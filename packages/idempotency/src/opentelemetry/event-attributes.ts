import type { Attributes } from '@opentelemetry/api'
import type { IdempotencyEvent } from '../events.ts'

/** Fields that say how something happened, in few values. Numbers and ids are for spans. */
const named = ['reason', 'degraded', 'omitted'] as const

/** What tells events of one type apart. */
export function eventAttributes(event: IdempotencyEvent): Attributes {
  const fields = event as Partial<Record<(typeof named)[number], unknown>>
  const attributes: Attributes = {}
  for (const name of named) {
    const value = fields[name]
    if (typeof value === 'string' || typeof value === 'boolean') attributes[name] = value
  }
  return attributes
}
