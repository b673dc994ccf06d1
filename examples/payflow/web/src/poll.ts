/** The waiting times of the page, in one place and without a clock. */

const pollFirstMs = 250
const pollGrowth = 1.4
const pollMaxMs = 10_000

/**
 * How long to wait before asking for a payment's status again: a quarter of a second at first,
 * because most payments finish at once, then ever longer up to ten seconds.
 *
 * @param asked - how many answers have come already
 */
export function pollDelayMs(asked: number): number {
  return Math.min(pollMaxMs, Math.round(pollFirstMs * pollGrowth ** Math.max(0, asked - 1)))
}

const retryFirstMs = 1_000
const retryMaxMs = 30_000

/**
 * How long to wait before the same payment is sent again. A `Retry-After` is honoured as the least
 * wait; otherwise the wait doubles from one to thirty seconds. Up to a quarter is added by chance,
 * so that many browsers don't come back in one instant.
 *
 * @param attempt - number of the attempt that got no final answer, from 1
 * @param chance - a number in [0, 1)
 */
export function retryDelayMs(attempt: number, leastMs: number | null, chance: number): number {
  const doubled = Math.min(retryMaxMs, retryFirstMs * 2 ** (attempt - 1))
  const base = leastMs ?? doubled
  return Math.round(base * (1 + chance / 4))
}

const retryAfterMaxMs = 300_000

/**
 * Reads a `Retry-After` header (seconds or an HTTP date) as milliseconds; `null` when there is none
 * that can be read. More than five minutes is cut to five minutes: the person is watching.
 */
export function retryAfterMs(header: string | null, nowMs: number): number | null {
  if (header === null) return null
  const trimmed = header.trim()
  const waitMs = /^\d+$/.test(trimmed) ? Number(trimmed) * 1_000 : Date.parse(trimmed) - nowMs
  if (Number.isNaN(waitMs)) return null
  return Math.min(retryAfterMaxMs, Math.max(0, waitMs))
}
