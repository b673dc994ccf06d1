import type { Alert, AlertGroup } from './alert.ts'
import { ledgerAlerts } from './ledger.ts'
import { mailAlerts } from './mail.ts'
import { paymentAlerts } from './payments.ts'
import { platformAlerts, processAlerts } from './processes.ts'
import { queueAlerts } from './queues.ts'

export { CERTIFICATE } from './processes.ts'
export { LEASH_S, type Alert, type AlertGroup } from './alert.ts'

/** Every group of rules, in the order of docs/operating.md. */
export const ALERT_GROUPS: readonly AlertGroup[] = [
  paymentAlerts,
  queueAlerts,
  ledgerAlerts,
  mailAlerts,
  processAlerts,
  platformAlerts,
]

/** Every alert. */
export const ALERTS: readonly Alert[] = ALERT_GROUPS.flatMap(({ alerts }) => alerts)
