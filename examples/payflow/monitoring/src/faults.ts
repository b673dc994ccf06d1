import {
  CATALOGUE,
  FOREIGN_METRICS,
  NODE_METRICS,
  PROMETHEUS_METRICS,
  TARGET_LABELS,
  type Labels,
} from './catalogue.ts'
import { readLogql } from './logql.ts'
import { readPromql, type Selector } from './promql.ts'

const METRICS = { ...CATALOGUE, ...NODE_METRICS, ...PROMETHEUS_METRICS, ...FOREIGN_METRICS }

/** Labels that Alloy gives each line of the log. */
export const STREAM_LABELS = ['service', 'level'] as const

/** Fields that log lines have, so far as the queries of the documents and dashboards name them. */
export const LOG_FIELDS: readonly string[] =
  'event flow message route status durationMs requestId paymentId userId messageId traceId'.split(
    ' ',
  )

/** The labels of a metric or of a histogram's series, or undefined when nobody exports it. */
export function labelsOf(name: string): Labels | undefined {
  const known = METRICS[name]
  if (known !== undefined) return known
  const family = name.replace(/_(bucket|sum|count)$/, '')
  const labels = family === name || !family.endsWith('_seconds') ? undefined : METRICS[family]
  return labels === undefined || !name.endsWith('_bucket') ? labels : { ...labels, le: 'any' }
}

/** Says what is wrong with an expression of PromQL, one sentence each. */
export function promqlFaults(expression: string): string[] {
  // Grafana puts a duration there.
  const filledIn = expression.replaceAll('$__rate_interval', '1m')
  const { errors, selectors, grouping } = readPromql(filledIn)
  const known = new Set<string>(['service', ...TARGET_LABELS])
  for (const { metric } of selectors) {
    for (const label of Object.keys(labelsOf(metric) ?? {})) known.add(label)
  }
  return [
    ...errors.map((rest) => `cannot be parsed from here: ${rest}`),
    ...selectors.flatMap(selectorFaults),
    ...grouping.filter((label) => !known.has(label)).map((label) => `no metric in it has ${label}`),
  ]
}

function selectorFaults({ metric, matchers }: Selector): string[] {
  const labels = labelsOf(metric)
  if (labels === undefined) return [`nobody exports ${metric || 'a metric without a name'}`]
  const all: Labels = {
    service: 'any',
    ...Object.fromEntries(TARGET_LABELS.map((label) => [label, 'any' as const])),
    ...labels,
  }
  return matchers.flatMap(({ label, op, value }) => {
    const values = all[label]
    if (values === undefined) return [`${metric} has no label ${label}`]
    if (values === 'any' || op !== '=' || values.includes(value)) return []
    return [`${label} of ${metric} is never ${value}`]
  })
}

/** Says what is wrong with an expression of LogQL, one sentence each. */
export function logqlFaults(expression: string): string[] {
  const { errors, streamLabels, fields } = readLogql(expression)
  const labels: readonly string[] = STREAM_LABELS
  const all: readonly string[] = [...STREAM_LABELS, ...LOG_FIELDS]
  return [
    ...errors.map((rest) => `cannot be parsed from here: ${rest}`),
    ...(streamLabels.length === 0 ? ['selects no stream'] : []),
    ...streamLabels.filter((one) => !labels.includes(one)).map((one) => `no stream has ${one}`),
    ...fields.filter((one) => !all.includes(one)).map((one) => `no line has ${one}`),
  ]
}
