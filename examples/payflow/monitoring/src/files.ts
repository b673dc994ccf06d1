import { ruleTestsFile } from './cases/index.ts'
import type { Dashboard } from './dashboards/panel.ts'
import { DASHBOARDS, grafanaDashboard } from './dashboards/index.ts'
import { prometheusRule, rulesFile, yaml } from './rules.ts'

/** Everything that is made from this package, by its path below examples/payflow. */
export function generatedFiles(): Readonly<Record<string, string>> {
  return {
    'monitoring/prometheus/rules/payflow.yml': rulesFile(),
    'monitoring/prometheus/tests/payflow.test.yml': ruleTestsFile('../rules/payflow.yml'),
    'k8s/components/observability/prometheus-rule.yaml': prometheusRule(),
    'k8s/components/observability/dashboards.yaml': dashboardConfigMaps(),
    ...Object.fromEntries(
      DASHBOARDS.map((dashboard) => [
        `monitoring/grafana/dashboards/${dashboard.uid}.json`,
        dashboardJson(dashboard),
      ]),
    ),
  }
}

function dashboardJson(dashboard: Dashboard): string {
  return `${JSON.stringify(grafanaDashboard(dashboard), undefined, 2)}\n`
}

/** The dashboards as the sidecar of Grafana's charts looks for them. */
function dashboardConfigMaps(): string {
  const configMaps = DASHBOARDS.map((dashboard) =>
    yaml({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: {
        name: `dashboard-${dashboard.uid}`,
        labels: { grafana_dashboard: '1' },
        annotations: { grafana_folder: 'PayFlow' },
      },
      data: { [`${dashboard.uid}.json`]: dashboardJson(dashboard) },
    }),
  )
  return `# Made by \`npm run monitoring\` from examples/payflow/monitoring/src/dashboards.\n${configMaps.join('---\n')}`
}
