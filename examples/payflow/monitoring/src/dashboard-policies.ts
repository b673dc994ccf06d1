import type { grafanaDashboard, GridPos } from './dashboards/index.ts'
import { logqlFaults, promqlFaults } from './faults.ts'

/** A dashboard as it is written for Grafana. */
export type GrafanaDashboard = ReturnType<typeof grafanaDashboard>

/** Says what is wrong, one sentence each. */
export type DashboardPolicy = (dashboard: GrafanaDashboard) => string[]

const duplicates = (values: readonly unknown[]) =>
  values.filter((value, at) => values.indexOf(value) !== at)

const overlap = (a: GridPos, b: GridPos) =>
  a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h

/** What must hold of every dashboard, by name. */
export const dashboardPolicies: Readonly<Record<string, DashboardPolicy>> = {
  'has panels with ids of their own': ({ panels }) => [
    ...(panels.length === 0 ? ['it is empty'] : []),
    ...duplicates(panels.map(({ id }) => id)).map((id) => `${String(id)} is there twice`),
    ...duplicates(panels.map(({ title }) => title)).map((title) => `${String(title)} twice`),
  ],

  'says of each panel what it is': ({ panels }) =>
    panels
      .filter(({ title, description }) => title === '' || description.length < 5)
      .map(({ id }) => `panel ${id} has no title or no description`),

  'has every panel in 24 columns, none above another': ({ panels }) => {
    const placed = panels.map(({ title, gridPos }) => ({ title, gridPos }))
    return placed.flatMap(({ title, gridPos }, at) => {
      if (gridPos === undefined || gridPos.w < 1 || gridPos.h < 1) return [`${title} has no place`]
      if (gridPos.x < 0 || gridPos.x + gridPos.w > 24) return [`${title} is too far right`]
      return placed
        .slice(at + 1)
        .filter((other) => other.gridPos !== undefined && overlap(gridPos, other.gridPos))
        .map((other) => `${title} and ${other.title} are in one place`)
    })
  },

  'asks for data where the reader says they are': ({ panels, templating }) => {
    const declared = templating.list.map(({ name }) => `\${${name}}`)
    return panels.flatMap(({ title, datasource, targets }) =>
      [datasource, ...targets.map((target) => target.datasource)]
        .filter(({ uid }) => !declared.includes(uid))
        .map(({ uid }) => `${title} asks ${uid}`),
    )
  },

  'asks each question once, under a name': ({ panels }) =>
    panels.flatMap(({ title, targets }) => [
      ...(targets.length === 0 ? [`${title} asks nothing`] : []),
      ...duplicates(targets.map(({ refId }) => refId)).map(
        (id) => `${title} has two ${String(id)}`,
      ),
    ]),

  'names only variables that it has': ({ panels, templating }) => {
    const known = [...templating.list.map(({ name }) => name), '__rate_interval']
    return panels.flatMap(({ title, targets }) =>
      targets
        .flatMap(({ expr }) => [...expr.matchAll(/\$\{?(\w+)/g)].map(([, name = '']) => name))
        .filter((name) => !known.includes(name))
        .map((name) => `${title} names $${name}`),
    )
  },

  'asks for what is exported and logged': ({ panels, templating }) => [
    ...panels.flatMap(({ title, datasource, targets }) =>
      targets
        .flatMap(({ expr }) =>
          datasource.type === 'loki' ? logqlFaults(expr) : promqlFaults(expr),
        )
        .map((fault) => `${title}: ${fault}`),
    ),
    ...templating.list.flatMap((variable) => {
      if (!('datasource' in variable)) return []
      const [, metric = ''] = /^label_values\((\w+), \w+\)$/.exec(variable.query.query) ?? []
      return promqlFaults(metric)
    }),
  ],

  'calls each line by a label that it has': ({ panels }) =>
    panels.flatMap(({ title, targets }) =>
      targets.flatMap((target) => {
        const legend = 'legendFormat' in target ? target.legendFormat : ''
        return [...legend.matchAll(/\{\{(\w+)\}\}/g)]
          .map(([, label = '']) => label)
          .filter((label) => !new RegExp(String.raw`by \([^)]*\b${label}\b`).test(target.expr))
          .map((label) => `${title} has no ${label}`)
      }),
    ),

  'has a unit for every figure': ({ panels }) =>
    panels
      .filter((panel) => panel.type !== 'logs')
      .filter((panel) => !('fieldConfig' in panel) || panel.fieldConfig.defaults.unit.length === 0)
      .map(({ title }) => `${title} has no unit`),
}
