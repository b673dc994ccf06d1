import { PAYMENT_FLOWS, QUEUES } from '@payflow-app/contracts'

/** Values a label may have, or `any` where they are not known beforehand (routes, currencies). */
export type LabelValues = readonly string[] | 'any'

/** The labels of a metric, by name. */
export type Labels = Readonly<Record<string, LabelValues>>

const queue = Object.values(QUEUES)

/**
 * The labels of every metric that docs/metrics.md lists, besides `service`, which all have. Rules
 * and dashboards may name these and nothing else; a test compares the names with the document, and
 * the live test compares the labels with what a running PayFlow exports.
 */
export const CATALOGUE: Readonly<Record<string, Labels>> = {
  http_request_duration_seconds: { method: 'any', route: 'any', status_code: 'any' },
  payflow_database_connections: { state: ['in_use', 'idle'] },
  payflow_database_connections_max: {},
  payflow_database_waiting_statements: {},
  payflow_event_payments_watched: {},
  payflow_event_streams: {},
  payflow_event_streams_closed_total: { why: 'any' },
  payflow_event_streams_refused_total: { by: ['user', 'process'] },
  payflow_idempotency_events_total: { type: 'any' },
  payflow_ledger_imbalance_minor: { currency: 'any' },
  payflow_logins_total: { outcome: ['ok', 'wrong', 'locked'] },
  payflow_mail_attempt_duration_seconds: { outcome: 'any' },
  payflow_mail_failed: {},
  payflow_mail_oldest_unsent_seconds: {},
  payflow_mail_server_reachable: {},
  payflow_mail_settled_total: { kind: 'any', outcome: ['sent', 'failed', 'unknown'] },
  payflow_mail_unknown: {},
  payflow_mail_waiting: {},
  payflow_messages_sent_total: { type: 'any' },
  payflow_notifications_written_total: {},
  payflow_oldest_pending_seconds: {},
  payflow_outbox_oldest_seconds: {},
  payflow_outbox_parked: {},
  payflow_outbox_pending: {},
  payflow_password_hashes: { state: ['running', 'waiting'] },
  payflow_password_hashes_refused_total: {},
  payflow_payment_completion_seconds: { outcome: ['COMPLETED', 'FAILED'] },
  payflow_payment_execution_seconds: {},
  payflow_payment_flow: { state: PAYMENT_FLOWS },
  payflow_payment_requests_total: { outcome: 'any', replayed: ['true', 'false'] },
  payflow_payments_completed_total: {},
  payflow_payments_created_total: {},
  payflow_payments_failed_total: {},
  payflow_payments_pending: {},
  payflow_payments_recorded_total: { outcome: ['COMPLETED', 'FAILED', 'late'] },
  payflow_purge_last_success_timestamp_seconds: {},
  payflow_purged_rows_total: { table: 'any' },
  payflow_queue_band: { queue, band: ['fine', 'busy', 'delayed'] },
  payflow_queue_consumers: { queue },
  payflow_queue_depth: { queue },
  payflow_queue_parked: { queue },
  payflow_rate_limit_events_total: { limit: 'any', subject: 'any', event: 'any' },
  payflow_reversal_last_run_timestamp_seconds: {},
  payflow_reversal_last_success_timestamp_seconds: {},
  payflow_reversal_rows_total: { reason: 'any', outcome: 'any' },
  payflow_reversal_runs_total: { ended_by: 'any' },
  payflow_reversals_total: { outcome: ['reversed', 'completed'] },
  payflow_worker_messages_total: { outcome: 'any' },
}

/** Exported by every process too, by Node's default collector. */
export const NODE_METRICS: Readonly<Record<string, Labels>> = {
  nodejs_eventloop_lag_p99_seconds: {},
  nodejs_heap_size_used_bytes: {},
  process_cpu_seconds_total: {},
  process_resident_memory_bytes: {},
  process_start_time_seconds: {},
}

/** Written by Prometheus itself about each target. */
export const PROMETHEUS_METRICS: Readonly<Record<string, Labels>> = { up: {} }

/**
 * What others export and a cluster may have: nothing of PayFlow holds a certificate, so nothing of
 * PayFlow can say when one ends. An alert on these is silent where they are not scraped.
 */
export const FOREIGN_METRICS: Readonly<Record<string, Labels>> = {
  // https://cert-manager.io/docs/devops-tips/prometheus-metrics/
  certmanager_certificate_expiration_timestamp_seconds: { name: 'any', namespace: 'any' },
}

/** Labels that Prometheus gives the targets of the configurations in this folder. */
export const TARGET_LABELS = ['job', 'instance', 'process'] as const
