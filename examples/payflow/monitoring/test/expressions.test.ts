/*
 * Goal: no alert and no panel asks for something that nobody exports; such an alert never fires, and
 * nobody notices.
 * Method: expressions are parsed as Prometheus' editor does it; names, labels and known values are
 * compared with the catalogue, the catalogue with docs/metrics.md, and the catalogue's labels with
 * what a running PayFlow exports (monitoring.e2e.test.ts).
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { ALERTS } from '../src/alerts/index.ts'
import { CATALOGUE } from '../src/catalogue.ts'
import { logqlFaults, promqlFaults } from '../src/faults.ts'

const docs = join(import.meta.dirname, '../../../../docs')
const metrics = readFileSync(join(docs, 'metrics.md'), 'utf8')

describe('the catalogue', () => {
  test('has every metric that docs/metrics.md lists, and no other', () => {
    const [, table = ''] =
      /<!-- generated: metrics -->([\s\S]*)<!-- end: metrics -->/.exec(metrics) ?? []
    const listed = [...table.matchAll(/^\| `(\w+)` \|/gm)].map(([, name]) => name)
    expect(Object.keys(CATALOGUE)).toEqual(listed)
  })

  test('is the table of labels in docs/metrics.md', () => {
    const lines = Object.entries(CATALOGUE).flatMap(([name, labels]) =>
      Object.entries(labels).map(([label, values]) => {
        const shown = values === 'any' ? '…' : values.map((one) => `\`${one}\``).join(', ')
        return `| \`${name}\` | \`${label}\` | ${shown} |`
      }),
    )
    const [, table = ''] = /<!-- labels[^>]*-->([\s\S]*)<!-- end: labels -->/.exec(metrics) ?? []
    expect(table.split('\n').filter((line) => line.startsWith('| `'))).toEqual(lines)
  })
})

test.each(ALERTS.map(({ name, expr }) => [name, expr] as const))(
  '%s asks for what is exported',
  (_, expr) => {
    expect(promqlFaults(expr)).toEqual([])
  },
)

test('what the documents tell to alert on is exported', () => {
  const found = [
    ...readFileSync(join(docs, 'system-flow.md'), 'utf8').matchAll(
      /^\| `([^`]*payflow_[^`]*)` \|/gm,
    ),
  ]
  expect(found.length).toBeGreaterThan(5)
  expect(found.flatMap(([, expr = '']) => promqlFaults(expr))).toEqual([])
})

describe('it is noticed when an expression', () => {
  test.each([
    ['cannot be parsed', 'sum by (queue) (payflow_queue_depth'],
    ['names a metric nobody exports', 'swiftpay_transactions_total > 0'],
    ['misspells a metric', 'max(payflow_queue_dept) > 0'],
    ['names a label the metric does not have', 'payflow_queue_depth{code="5"} > 0'],
    ['names a value the label never has', 'payflow_payment_flow{state="stuck"} == 1'],
    ['groups by a label that nothing in it has', 'sum by (queue) (payflow_outbox_pending) > 0'],
    ['takes buckets of what is no histogram', 'payflow_queue_depth_bucket{le="1"}'],
    ['takes `le` of a sum', 'http_request_duration_seconds_sum{le="1"}'],
    ['selects without a name', '{service="worker"}'],
  ])('%s', (_, expr) => {
    expect(promqlFaults(expr)).not.toEqual([])
  })

  test.each([
    ['of the log cannot be parsed', '{service="worker"} | jsn level'],
    ['of the log selects no stream', '| json'],
    ['of the log names a label no stream has', '{app="worker"}'],
    ['of the log names a field no line has', '{service="worker"} | json | colour="red"'],
  ])('%s', (_, expr) => {
    expect(logqlFaults(expr)).not.toEqual([])
  })
})
