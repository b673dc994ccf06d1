import { ALERTS } from './alerts/index.ts'
import { PROVOCATIONS } from './provocations.ts'

/** The table of alerts in docs/monitoring.md. */
export function alertsTable(): string {
  const rows = ALERTS.map((alert) => {
    const cells = [
      `[${alert.name}](operating.md#${alert.name.toLowerCase()})`,
      alert.severity,
      `\`${alert.expr.replaceAll('|', String.raw`\|`)}\``,
      alert.for ?? 'at once',
      PROVOCATIONS[alert.name] ?? '',
    ]
    return `| ${cells.join(' | ')} |`
  })
  return [
    '| alert | severity | when | for | provoked by |',
    '| --- | --- | --- | --- | --- |',
    ...rows,
  ].join('\n')
}

const [BEGIN, END] = ['<!-- alerts: a test compares them -->', '<!-- end: alerts -->'] as const

/** A document with the table of alerts as it should be. */
export function withAlertsTable(text: string): string {
  const [from, to] = [text.indexOf(BEGIN), text.indexOf(END)]
  if (from === -1 || to < from) throw new Error('the document has no place for the table')
  return `${text.slice(0, from)}${BEGIN}\n\n${alertsTable()}\n\n${text.slice(to)}`
}
