import { ruleTestsFile } from './cases/index.ts'
import { DASHBOARDS, grafanaDashboard } from './dashboards/index.ts'
import { prometheusRule, rulesFile } from './rules.ts'

/** Everything that is made from this package, by its path below examples/payflow. */
export function generatedFiles(): Readonly<Record<string, string>> {
  return {
    'monitoring/prometheus/rules/payflow.yml': rulesFile(),
    'monitoring/prometheus/tests/payflow.test.yml': ruleTestsFile('../rules/payflow.yml'),
    'k8s/components/observability/prometheus-rule.yaml': prometheusRule(),
    ...Object.fromEntries(
      DASHBOARDS.map((dashboard) => [
        `monitoring/grafana/dashboards/${dashboard.uid}.json`,
        `${JSON.stringify(grafanaDashboard(dashboard), undefined, 2)}\n`,
      ]),
    ),
  }
}
