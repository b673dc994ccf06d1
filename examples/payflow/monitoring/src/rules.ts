import { stringify } from 'yaml'
import { ALERT_GROUPS, type Alert } from './alerts/index.ts'

/**
 * Where docs/operating.md can be read by whoever is woken: what is put before a runbook's anchor.
 * An absolute address, for Grafana and Alertmanager make a link of it. It is a parameter: put yours
 * here and run `npm run monitoring`. example.com leads nowhere and is nobody's.
 */
export const RUNBOOKS = 'https://docs.example.com/payflow/docs/operating.md'

/** The anchor of an alert's runbook: its name, as a heading. */
export function runbookOf({ name }: Pick<Alert, 'name'>): string {
  return `${RUNBOOKS}#${name.toLowerCase()}`
}

const GENERATED = '# Made by `npm run monitoring` from examples/payflow/monitoring/src/alerts.\n'

/** The groups, as both Prometheus and its operator take them. */
export function ruleGroups() {
  return ALERT_GROUPS.map(({ name, alerts }) => ({
    name,
    rules: alerts.map((alert) => ({
      alert: alert.name,
      expr: alert.expr,
      ...(alert.for !== undefined && { for: alert.for }),
      labels: { severity: alert.severity },
      annotations: {
        summary: alert.summary,
        description: alert.description,
        runbook_url: runbookOf(alert),
      },
    })),
  }))
}

/** The file of rules for Prometheus. */
export function rulesFile(): string {
  return GENERATED + yaml({ groups: ruleGroups() })
}

/** The same rules for the Prometheus operator. */
export function prometheusRule(): string {
  return (
    GENERATED +
    yaml({
      apiVersion: 'monitoring.coreos.com/v1',
      kind: 'PrometheusRule',
      metadata: { name: 'payflow' },
      spec: { groups: ruleGroups() },
    })
  )
}

/** YAML as oxfmt leaves it. */
export function yaml(value: unknown): string {
  return stringify(value, { lineWidth: 0, singleQuote: true, aliasDuplicateObjects: false })
}
