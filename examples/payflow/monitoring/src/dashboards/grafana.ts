import type { Dashboard, Panel, Step } from './panel.ts'

const PROMETHEUS = { type: 'prometheus', uid: '${prometheus}' } as const
const LOKI = { type: 'loki', uid: '${loki}' } as const
const HEIGHT = { figure: 4, graph: 8, log: 10 } as const

/** Where a panel is: 24 columns, rows of any height. */
export interface GridPos {
  readonly x: number
  readonly y: number
  readonly w: number
  readonly h: number
}

/** A dashboard as Grafana reads it from a file. */
export function grafanaDashboard(dashboard: Dashboard) {
  const places = placesOf(dashboard.rows)
  return {
    uid: dashboard.uid,
    title: dashboard.title,
    description: dashboard.description,
    tags: ['payflow'],
    schemaVersion: 39,
    version: 1,
    editable: false,
    graphTooltip: 1,
    refresh: '15s',
    time: { from: 'now-1h', to: 'now' },
    timezone: 'browser',
    links: [
      { type: 'dashboards', title: 'PayFlow', tags: ['payflow'], asDropdown: true, keepTime: true },
    ],
    templating: { list: variablesOf(dashboard) },
    panels: dashboard.rows.flat().map((panel, at) => ({
      id: at + 1,
      gridPos: places[at],
      ...panelOf(panel),
    })),
  }
}

/** Figures and log lines come from whatever Prometheus and Loki this Grafana has. */
function variablesOf({ serviceOf }: Dashboard) {
  const source = (name: string) => ({
    name,
    label: name[0]?.toUpperCase() + name.slice(1),
    type: 'datasource',
    query: name,
    current: {},
    hide: 0,
  })
  const service = {
    name: 'service',
    label: 'Service',
    type: 'query',
    datasource: PROMETHEUS,
    query: { query: `label_values(${serviceOf}, service)`, refId: 'service' },
    refresh: 2,
    sort: 1,
    multi: false,
    includeAll: false,
    current: {},
  }
  return [source('prometheus'), source('loki'), ...(serviceOf === undefined ? [] : [service])]
}

function placesOf(rows: Dashboard['rows']): GridPos[] {
  let y = 0
  return rows.flatMap((row) => {
    const h = Math.max(...row.map(({ kind }) => HEIGHT[kind]))
    let x = 0
    const places = row.map(({ width: w }) => {
      const place = { x, y, w, h }
      x += w
      return place
    })
    y += h
    return places
  })
}

function panelOf(panel: Panel) {
  const { title, description, targets } = panel
  const datasource = panel.kind === 'log' ? LOKI : PROMETHEUS
  const common = {
    title,
    description,
    datasource,
    targets: targets.map(({ expr, legend }, at) => ({
      refId: String.fromCharCode(65 + at),
      datasource,
      expr,
      ...(panel.kind === 'log' ? { queryType: 'range' } : { legendFormat: legend }),
      ...(panel.kind === 'figure' && { instant: true }),
    })),
  }
  if (panel.kind === 'log') {
    const options = { showTime: true, wrapLogMessage: true, prettifyLogMessage: false }
    return { type: 'logs', ...common, options: { ...options, sortOrder: 'Descending' } }
  }
  const defaults = { unit: panel.unit, ...stepsOf(panel.steps), ...namesOf(panel.names) }
  if (panel.kind === 'figure') {
    const options = { colorMode: 'background', graphMode: 'none', textMode: 'value_and_name' }
    const reduceOptions = { calcs: ['lastNotNull'], fields: '', values: false }
    return {
      type: 'stat',
      ...common,
      fieldConfig: { defaults: { ...defaults, noValue: 'unknown' }, overrides: [] },
      options: { ...options, reduceOptions },
    }
  }
  const custom = {
    lineWidth: 1,
    fillOpacity: 10,
    showPoints: 'never',
    ...(panel.steps !== undefined && { thresholdsStyle: { mode: 'line' } }),
  }
  return {
    type: 'timeseries',
    ...common,
    fieldConfig: { defaults: { ...defaults, min: 0, custom }, overrides: [] },
    options: { legend: { displayMode: 'list', placement: 'bottom' }, tooltip: { mode: 'multi' } },
  }
}

function stepsOf(steps: readonly Step[] | undefined) {
  if (steps === undefined) return {}
  const first = { color: 'green', value: null }
  const rest = steps.map(({ from, colour }) => ({ color: colour, value: from }))
  return { thresholds: { mode: 'absolute', steps: [first, ...rest] } }
}

function namesOf(names: Readonly<Record<string, string>> | undefined) {
  if (names === undefined) return {}
  const options = Object.fromEntries(
    Object.entries(names).map(([value, text], index) => [value, { text, index }]),
  )
  return { mappings: [{ type: 'value', options }] }
}
