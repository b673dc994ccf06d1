import type {
  ParkedMessage,
  ParkedMessageDetail,
  ParkedRow,
  Reconciliation,
  RedriveResult,
  TopologyPlan,
} from '../operator/types.ts'
import type { OutboxDepth, QueueDepth } from '../types.ts'

/** Columns as wide as what they hold. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = rows.reduce<number[]>(
    (wide, row) => row.map((cell, column) => Math.max(wide[column] ?? 0, cell.length)),
    [],
  )
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd()
  return rows.map(line).join('\n')
}

export function depthText(queues: readonly QueueDepth[], outbox: OutboxDepth): string {
  const rows = queues.map(({ queue, ready, consumers }) => [queue, `${ready}`, `${consumers}`])
  const { pending, parked, oldestAgeMs } = outbox
  const oldest = pending === 0 ? '' : `, the oldest for ${duration(oldestAgeMs)}`
  return [
    table([['queue', 'ready', 'consumers'], ...rows]),
    `outbox: ${pending} pending${oldest}; ${parked} parked`,
  ].join('\n')
}

export function parkedText(messages: readonly ParkedMessage[]): string {
  const rows = messages.map((message) => [
    message.id ?? '-',
    message.type ?? '-',
    message.reason,
    `${message.attempts ?? '-'}`,
    message.parkedAt?.toISOString() ?? '-',
    firstLine(message.error),
  ])
  return table([['id', 'type', 'parked as', 'attempts', 'parked at', 'error'], ...rows])
}

export function detailText(message: ParkedMessageDetail, withBody: boolean): string {
  const { headers, body, bodyBytes, contentType } = message
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${shown(value)}`)
  return [
    parkedText([message]),
    ...lines,
    `${bodyBytes} bytes of ${contentType ?? 'no content type'}`,
    ...(withBody ? [body.toString()] : []),
  ].join('\n')
}

/** The same for programs; the body as it is, since it need not be text. */
export function detailJson(message: ParkedMessageDetail, withBody: boolean): object {
  const { body, ...rest } = message
  return withBody ? { ...rest, bodyBase64: body.toString('base64') } : rest
}

export function redriveText(result: RedriveResult, dryRun: boolean): string {
  const { outcome, moved, refused, parkedAgain, reasons, redriveId } = result
  const which = Object.entries(reasons).map(([reason, count]) => `${reason} ${count}`)
  const moves = dryRun ? `${moved} would be sent back` : `${moved} sent back`
  const endings = {
    done: '',
    interrupted: '; interrupted',
    'parked-again': '; stopped, because too much of it was parked again',
  }
  return [
    `${moves}${which.length === 0 ? '' : ` (${which.join(', ')})`}${endings[outcome]}`,
    ...(refused === 0 ? [] : [`${refused} left: the inbox may have forgotten them (see --force)`]),
    ...(parkedAgain === 0 ? [] : [`${parkedAgain} parked meanwhile`]),
    ...(redriveId === undefined ? [] : [`audit: operator_action ${redriveId}`]),
  ].join('\n')
}

export function rowsText(rows: readonly ParkedRow[]): string {
  const lines = rows.map((row) => [
    row.id,
    row.type,
    row.key,
    `${row.attempts}`,
    row.parkedAt.toISOString(),
    firstLine(row.error),
  ])
  return table([['id', 'type', 'key', 'attempts', 'parked at', 'error'], ...lines])
}

export function planText(plan: TopologyPlan): string {
  const signs = { ok: '=', create: '+', bind: '+', mismatch: '!', refused: '?' }
  const steps = plan.steps.map(({ kind, name, state, reason }) => [
    signs[state],
    state,
    kind,
    name,
    reason ?? '',
  ])
  const policies = plan.policies.map(({ command, why }) => `${command}\n  ${why}`)
  return [
    `RabbitMQ ${plan.brokerVersion}`,
    table(steps),
    plan.applicable ? 'apply would succeed' : 'apply would be refused; nothing would be changed',
    ...(policies.length === 0 ? [] : ['policies to set:', ...policies]),
  ].join('\n')
}

export function reconciliationText(found: Reconciliation): string {
  const { outbox, consumers, differences } = found
  const { inserted, confirmed, pending, parked, cancelled } = outbox
  const names = ['delivered', 'committed', 'duplicate', 'retried', 'parked', 'released'] as const
  const rest = ['abandoned', 'inFlight', 'inboxRows', 'inboxRemoved', 'silentProcesses'] as const
  const columns = [...names, ...rest]
  const rows = consumers.map((account) => [
    account.consumer,
    ...columns.map((column) => `${account[column]}`),
  ])
  return [
    `outbox: ${inserted} inserted = ${confirmed} confirmed + ${pending} pending + ${parked} parked ` +
      `+ ${cancelled} cancelled`,
    ...(rows.length === 0 ? [] : [table([['consumer', ...columns], ...rows])]),
    ...differences.map(({ kind, consumer, meaning }) =>
      [kind, ...(consumer === undefined ? [] : [consumer]), meaning].join(': '),
    ),
    found.balanced ? 'balanced' : `${differences.length} differences`,
  ].join('\n')
}

function firstLine(text: string | undefined): string {
  const [line = ''] = (text ?? '').split('\n')
  return line.length > 100 ? `${line.slice(0, 99)}…` : line
}

function shown(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}

function duration(ms: number): string {
  const seconds = Math.round(ms / 1_000)
  if (seconds < 120) return `${seconds} s`
  const minutes = Math.round(seconds / 60)
  return minutes < 120 ? `${minutes} min` : `${Math.round(minutes / 60)} h`
}
