/**
 * Alerts, dashboards, and what Prometheus, Loki, Alloy and Grafana are told.
 *
 * @packageDocumentation
 */
export { ALERT_GROUPS, ALERTS, type Alert, type AlertGroup } from './alerts/index.ts'
export { CATALOGUE, NODE_METRICS, type Labels } from './catalogue.ts'
export { DASHBOARDS, grafanaDashboard } from './dashboards/index.ts'
export { readPromql, type PromqlFacts, type Selector } from './promql.ts'
export { ruleGroups } from './rules.ts'
