import type { MassReversalSigns } from '../mass-reversal.ts'
import type { ReportedRow, ReversalReport } from '../report.ts'
import type { RunProgress, RunResult } from '../run-result.ts'

export function runText(result: RunResult): string {
  const { scanned, reversed, completed, notYet, lost, failed, endedBy, durationMs } = result
  return (
    `${scanned} stale: ${reversed} reversed, ${completed} completed, ${notYet} not yet, ` +
    `${lost} lost to another writer, ${failed} failed; ended by ${endedBy} after ${durationMs} ms`
  )
}

export function progressText({ stale, scanned, settled, failed, elapsedMs }: RunProgress): string {
  const seconds = Math.round(elapsedMs / 1000)
  return `${scanned} of about ${stale} stale rows after ${seconds} s: ${settled} settled, ${failed} failed`
}

/** One line that nobody reads over. */
export function massReversalText(signs: MassReversalSigns, action: string): string {
  const { causes, created, completed, reversed, stale, share, windowMs } = signs
  const minutes = Math.round(windowMs / 60_000)
  const counted = causes.includes('uncounted')
    ? 'the rows created lately could not be counted in time'
    : `of ${created} rows created in ${minutes} min, ${completed} completed, ${reversed} reversed`
  return (
    `MASS REVERSAL (${causes.join(', ')}): ${counted}; ${stale} stale now, ` +
    `${Math.round(share * 100)} % of what should have ended; ${action}`
  )
}

export function reportText(report: ReversalReport): string {
  const { massReversal, logbook, wouldPause } = report
  const counts = [
    ['', 'rows', 'oldest'],
    ['pending', `${report.pending}`, age(report.oldestPendingMs)],
    ['stale: undispatched', `${report.undispatched.count}`, age(report.undispatched.oldestMs)],
    ['stale: unprocessed', `${report.unprocessed.count}`, age(report.unprocessed.oldestMs)],
  ]
  const summary = counts.map(([what, count, oldest]) =>
    [what?.padEnd(20), count?.padStart(9), oldest?.padStart(12)].join(' ').trimEnd(),
  )
  const notes: string[] = []
  if (report.beyondMaxPerRun) notes.push('more than maxPerRun: one run will not do')
  if (massReversal.causes.length > 0) {
    const action = wouldPause ? 'a run would decide nothing' : 'a run would go on'
    notes.push(massReversalText(massReversal, action))
  }
  if (logbook !== undefined) {
    const { lastEndedBy = '-', lastEndedMsAgo, lastSuccessMsAgo } = logbook
    notes.push(
      `last run: ${age(lastEndedMsAgo)} ago, ended by ${lastEndedBy}; ` +
        `last success: ${age(lastSuccessMsAgo)} ago`,
    )
  }
  return [report.table, ...summary, ...notes, ...rowLines(report)].join('\n')
}

function rowLines({ rows, more }: ReversalReport): string[] {
  const lines = table([
    ['id', 'leash', 'age', 'overdue', 'would be'],
    ...rows.map(({ id, reason, ageMs, overdueMs, wouldBe }: ReportedRow) => [
      id,
      reason,
      age(ageMs),
      age(overdueMs),
      wouldBe ?? '-',
    ]),
  ])
  const rest = more > 0 ? [`and ${more} more`] : []
  return rows.length === 0 ? rest : ['', ...lines, ...rest]
}

function table(cells: readonly (readonly string[])[]): string[] {
  const widths = (cells[0] ?? []).map((_, column) =>
    Math.max(...cells.map((row) => row[column]?.length ?? 0)),
  )
  return cells.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  )
}

function age(ms: number | undefined): string {
  if (ms === undefined) return '-'
  const seconds = Math.round(ms / 1000)
  if (seconds < 120) return `${seconds} s`
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`
  return `${Math.round(seconds / 3600)} h`
}
