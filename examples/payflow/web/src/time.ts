/** Dates for people: the server's instants as they are. The browser's clock decides nothing. */

const timeFormat = new Intl.DateTimeFormat('en-US', { hour: 'numeric', minute: '2-digit' })
const dayFormat = new Intl.DateTimeFormat('en-US', { month: 'short', day: 'numeric' })
const dayYearFormat = new Intl.DateTimeFormat('en-US', {
  month: 'short',
  day: 'numeric',
  year: 'numeric',
})
const fullFormat = new Intl.DateTimeFormat('en-US', { dateStyle: 'medium', timeStyle: 'long' })

/** `"2:05 PM"` today, `"Mar 4"` this year, `"Mar 4, 2025"` before. */
export function shortTime(instant: string, now: Date): string {
  const then = new Date(instant)
  if (then.toDateString() === now.toDateString()) return timeFormat.format(then)
  return then.getFullYear() === now.getFullYear()
    ? dayFormat.format(then)
    : dayYearFormat.format(then)
}

/** `"Mar 4, 2026, 2:05:09 PM GMT+1"` */
export function fullTime(instant: string): string {
  return fullFormat.format(new Date(instant))
}

/** `"24 ms"`, `"1.4 s"`, `"12 s"` or `"3 min"` between two instants of one server. */
export function elapsed(from: string, to: string): string {
  const ms = Math.max(0, Date.parse(to) - Date.parse(from))
  if (ms < 1_000) return `${ms} ms`
  if (ms < 10_000) return `${(ms / 1_000).toFixed(1)} s`
  return ms < 120_000 ? `${Math.round(ms / 1_000)} s` : `${Math.round(ms / 60_000)} min`
}

const DAY = /^(19[7-9]|2\d)\d+-\d\d-\d\d$/

/**
 * The moments a period of days begins and ends at, here: from the first day's midnight to the
 * midnight after the last one. What is no day is left open.
 */
export function momentsOf(fromDay: string, toDay: string): { from?: string; to?: string } {
  const from = midnight(fromDay, 0)
  const to = midnight(toDay, 1)
  return { ...(from && { from }), ...(to && { to }) }
}

function midnight(day: string, daysLater: number): string | undefined {
  if (!DAY.test(day)) return undefined
  const moment = new Date(`${day}T00:00:00`)
  moment.setDate(moment.getDate() + daysLater)
  return Number.isNaN(moment.getTime()) ? undefined : moment.toISOString()
}
