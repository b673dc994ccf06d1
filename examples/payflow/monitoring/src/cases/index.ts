import { ALERTS, type Alert } from '../alerts/index.ts'
import { runbookOf, yaml } from '../rules.ts'
import type { AlertCase } from './alert-case.ts'
import { otherCases } from './others.ts'
import { paymentCases } from './payments.ts'
import { queueCases } from './queues.ts'

export type { AlertCase } from './alert-case.ts'

/** When each alert fires, and when it does not though something is similar. */
export const ALERT_CASES: readonly AlertCase[] = [...paymentCases, ...queueCases, ...otherCases]

/** The cases as promtool's unit tests of a file of rules. */
export function ruleTestsFile(rules: string, cases: readonly AlertCase[] = ALERT_CASES): string {
  const tests = cases.map(({ alert, when, series, at, fires }) => ({
    name: `${alert}, ${fires.length > 0 ? 'fires' : 'quiet'}: ${when}`,
    interval: '1m',
    input_series: Object.entries(series).map(([name, values]) => ({ series: name, values })),
    alert_rule_test: [
      { eval_time: at, alertname: alert, exp_alerts: fires.map((one) => expected(alert, one)) },
    ],
  }))
  return (
    '# Made by `npm run monitoring` from examples/payflow/monitoring/src/cases.\n' +
    yaml({ rule_files: [rules], evaluation_interval: '30s', tests })
  )
}

function expected(name: string, { labels = {}, shown = '' }: AlertCase['fires'][number]) {
  const alert = ALERTS.find((one) => one.name === name)
  if (alert === undefined) throw new Error(`there is no alert ${name}`)
  return {
    exp_labels: { severity: alert.severity, ...labels },
    exp_annotations: {
      summary: alert.summary,
      description: filledIn(alert, labels, shown),
      runbook_url: runbookOf(alert),
    },
  }
}

/** The description as Prometheus fills it in. */
function filledIn(
  { description }: Alert,
  labels: Readonly<Record<string, string>>,
  shown: string,
): string {
  return description
    .replaceAll(/\{\{ \$labels\.(\w+) \}\}/g, (_, label: string) => labels[label] ?? '')
    .replaceAll(/\{\{ \$value[^}]*\}\}/g, shown)
}
