import { ledgerDashboard } from './ledger.ts'
import type { Dashboard } from './panel.ts'
import { paymentsDashboard } from './payments.ts'
import { queueDashboard } from './queue.ts'
import { serviceDashboard } from './service.ts'

export { grafanaDashboard, type GridPos } from './grafana.ts'
export type { Dashboard } from './panel.ts'

/** Every dashboard. */
export const DASHBOARDS: readonly Dashboard[] = [
  paymentsDashboard,
  queueDashboard,
  ledgerDashboard,
  serviceDashboard,
]
