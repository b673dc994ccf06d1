import type { ReversalReport } from '../report.ts'
import type { RunResult } from '../run-result.ts'

export function runText(result: RunResult): string {
  const { scanned, reversed, completed, notYet, lost, failed, endedBy, durationMs } = result
  return (
    `${scanned} stale: ${reversed} reversed, ${completed} completed, ${notYet} not yet, ` +
    `${lost} lost to another writer, ${failed} failed; ended by ${endedBy} after ${durationMs} ms`
  )
}

export function reportText(report: ReversalReport): string {
  const rows = [
    ['', 'rows', 'oldest'],
    ['pending', `${report.pending}`, age(report.oldestPendingMs)],
    ['stale: undispatched', `${report.undispatched.count}`, age(report.undispatched.oldestMs)],
    ['stale: unprocessed', `${report.unprocessed.count}`, age(report.unprocessed.oldestMs)],
  ]
  const table = rows.map(([what, count, oldest]) =>
    [what?.padEnd(20), count?.padStart(9), oldest?.padStart(12)].join(' ').trimEnd(),
  )
  const warning = report.beyondMaxPerRun ? ['more than maxPerRun: one run will not do'] : []
  return [report.table, ...table, ...warning].join('\n')
}

function age(ms: number | undefined): string {
  if (ms === undefined) return '-'
  const seconds = Math.round(ms / 1000)
  if (seconds < 120) return `${seconds} s`
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`
  return `${Math.round(seconds / 3600)} h`
}
