/** What a panel shows figures in; Grafana's own names. */
export type Unit = 'short' | 's' | 'reqps' | 'ops' | 'percentunit' | 'bytes' | 'none'

/** One query and what its lines are called; `{{label}}` stands for a label's value. */
export interface Target {
  readonly expr: string
  readonly legend: string
}

/** From which value on a figure is shown in a colour. */
export interface Step {
  readonly from: number
  readonly colour: 'green' | 'yellow' | 'orange' | 'red'
}

interface PanelBase {
  readonly title: string
  /** What a person should make of it. */
  readonly description: string
  /** Columns of 24. */
  readonly width: number
  readonly targets: readonly Target[]
}

/** A figure, a graph, or lines of the log. */
export type Panel = PanelBase &
  (
    | {
        readonly kind: 'figure' | 'graph'
        readonly unit: Unit
        readonly steps?: readonly Step[]
        /** What a figure is called when it is this: 1 → stalled. */
        readonly names?: Readonly<Record<string, string>>
      }
    | { readonly kind: 'log' }
  )

/** A dashboard, before Grafana's own way of writing it. */
export interface Dashboard {
  readonly uid: `payflow-${string}`
  readonly title: string
  readonly description: string
  /** The choice a reader has; its values come from the label `service` of this metric. */
  readonly serviceOf?: string
  /** Panels by row, in order. The widths of a row make 24. */
  readonly rows: readonly (readonly Panel[])[]
}

/** A single figure, in a colour from certain values on. */
export function figure(
  title: string,
  description: string,
  expr: string,
  more: {
    readonly unit?: Unit
    readonly steps?: readonly Step[]
    readonly width?: number
    readonly names?: Readonly<Record<string, string>>
    readonly legend?: string
  } = {},
): Panel {
  const { unit = 'none', width = 6, legend = title, ...rest } = more
  return { kind: 'figure', title, description, unit, width, targets: [{ expr, legend }], ...rest }
}

/** Lines over time. */
export function graph(
  title: string,
  description: string,
  unit: Unit,
  targets: Readonly<Record<string, string>>,
  more: { readonly width?: number; readonly steps?: readonly Step[] } = {},
): Panel {
  const { width = 12, ...rest } = more
  return {
    kind: 'graph',
    title,
    description,
    unit,
    width,
    targets: Object.entries(targets).map(([legend, expr]) => ({ legend, expr })),
    ...rest,
  }
}

/** Lines of the log. */
export function log(title: string, description: string, expr: string): Panel {
  return { kind: 'log', title, description, width: 24, targets: [{ expr, legend: '' }] }
}
