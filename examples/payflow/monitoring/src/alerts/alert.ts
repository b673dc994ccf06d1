import { FLOW_ALARM } from '@payflow-app/contracts'

/** One alerting rule. Its runbook is the heading of its name in docs/operating.md. */
export interface Alert {
  readonly name: `Payflow${string}`
  /** `critical`: payments fail or money is in doubt, wake somebody. `warning`: look today. */
  readonly severity: 'critical' | 'warning'
  /** PromQL. What it returns are the alerts. */
  readonly expr: string
  /** How long it must be so. Without it: at once. */
  readonly for?: string
  /** What is the matter, without figures, so that messages about the same thing are equal. */
  readonly summary: string
  /** What it means to people and their money. May use `$labels` and `$value`. */
  readonly description: string
}

/** Alerts that are evaluated together. */
export interface AlertGroup {
  readonly name: string
  readonly alerts: readonly Alert[]
}

/** The leashes of the reversal, in seconds: its defaults (DISPATCH_TIMEOUT_MS, PROCESSING_TIMEOUT_MS). */
export const LEASH_S = { dispatch: 60, processing: 900 } as const

/** The window in which reversals are compared with payments, as PromQL writes it. */
export const FLOW_WINDOW = `${FLOW_ALARM.windowMs / 60_000}m`
