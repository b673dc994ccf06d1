/*
 * Goal: dashboards that Grafana can show, with panels that have data.
 * Method: each rule on every dashboard as it is, and on one with one thing broken, which the rule
 * must notice. No Grafana is run: docs/monitoring.md says how.
 */
import { describe, expect, test } from 'vitest'
import { DASHBOARDS, grafanaDashboard } from '../src/dashboards/index.ts'
import { dashboardPolicies } from '../src/dashboard-policies.ts'

const all = DASHBOARDS.map((dashboard) => grafanaDashboard(dashboard))

describe.each(all.map((dashboard) => [dashboard.uid, dashboard] as const))('%s', (_, dashboard) => {
  test.each(Object.entries(dashboardPolicies))('%s', (_rule, policy) => {
    expect(policy(dashboard)).toEqual([])
  })
})

test('each dashboard has a uid and a title of its own', () => {
  expect(new Set(all.map(({ uid }) => uid)).size).toBe(all.length)
  expect(new Set(all.map(({ title }) => title)).size).toBe(all.length)
})

const mutations: readonly (readonly [rule: string, breakIt: (dashboard: any) => void])[] = [
  ['has panels with ids of their own', ({ panels }) => (panels[1].id = 1)],
  ['says of each panel what it is', ({ panels }) => (panels[0].description = '')],
  ['has every panel in 24 columns, none above another', ({ panels }) => (panels[1].gridPos.x = 5)],
  ['has every panel in 24 columns, none above another', ({ panels }) => (panels[3].gridPos.w = 7)],
  [
    'asks for data where the reader says they are',
    ({ panels }) => (panels[0].datasource.uid = 'P1'),
  ],
  [
    'asks each question once, under a name',
    ({ panels }) => panels[4].targets.push(panels[4].targets[0]),
  ],
  [
    'names only variables that it has',
    ({ panels }) => (panels[0].targets[0].expr = 'up{x="$env"}'),
  ],
  ['asks for what is exported and logged', ({ panels }) => (panels[0].targets[0].expr = 'a_b > 0')],
  [
    'asks for what is exported and logged',
    ({ panels }) => (panels.at(-1).targets[0].expr = '{a="b"}'),
  ],
  [
    'calls each line by a label that it has',
    ({ panels }) => (panels[4].targets[0].legendFormat = '{{queue}}'),
  ],
  ['has a unit for every figure', ({ panels }) => (panels[0].fieldConfig.defaults.unit = '')],
]

describe('a rule notices', () => {
  test.each(mutations)('that a dashboard breaks "%s"', (rule, breakIt) => {
    const copy = structuredClone(all[0])
    breakIt(copy)
    expect(copy === undefined ? [] : dashboardPolicies[rule]?.(copy)).not.toEqual([])
  })

  test('everything that there is a rule for', () => {
    expect(new Set(mutations.map(([rule]) => rule))).toEqual(
      new Set(Object.keys(dashboardPolicies)),
    )
  })
})
