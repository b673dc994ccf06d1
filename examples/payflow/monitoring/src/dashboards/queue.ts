import { QUEUE_BANDS } from '@payflow-app/contracts'
import { figure, graph, log, type Dashboard } from './panel.ts'

const bands = [
  { from: QUEUE_BANDS.fineMax + 1, colour: 'yellow' },
  { from: QUEUE_BANDS.busyMax + 1, colour: 'red' },
] as const
const none = [{ from: 1, colour: 'red' }] as const

/** The way of a message: outbox, broker, queue, consumer, and where it is parked. */
export const queueDashboard: Dashboard = {
  uid: 'payflow-queue',
  title: 'PayFlow: queue',
  description: 'The way of a message: outbox, broker, queue, consumer, and where it is parked.',
  rows: [
    [
      figure('Waiting', 'By queue.', 'max by (queue) (payflow_queue_depth)', {
        steps: bands,
        legend: '{{queue}}',
      }),
      figure(
        'Consumers',
        'None: nobody takes what waits.',
        'max by (queue) (payflow_queue_consumers)',
        { legend: '{{queue}}' },
      ),
      figure(
        'Parked',
        'Given up; a person has to look.',
        'sum(max by (queue) (payflow_queue_parked)) + sum(max by (service) (payflow_outbox_parked))',
        { steps: none },
      ),
      figure(
        'Oldest unconfirmed message',
        'After a minute its payment is given up.',
        'max(payflow_outbox_oldest_seconds)',
        { unit: 's', steps: [{ from: 5, colour: 'red' }] },
      ),
    ],
    [
      graph(
        'Messages that wait',
        `Fine up to ${QUEUE_BANDS.fineMax}, busy up to ${QUEUE_BANDS.busyMax}; beyond, people notice.`,
        'short',
        { '{{queue}}': 'max by (queue) (payflow_queue_depth)' },
        { steps: bands },
      ),
      graph('Trend, messages a second', 'Above 0 more come than go.', 'short', {
        '{{queue}}': 'max by (queue) (deriv(payflow_queue_depth[5m]))',
      }),
    ],
    [
      graph('What became of deliveries', 'committed: done, once.', 'ops', {
        '{{outcome}}': 'sum by (outcome) (rate(payflow_worker_messages_total[$__rate_interval]))',
      }),
      graph('Executing a payment', 'From delivery to commit.', 's', {
        '99 %':
          'histogram_quantile(0.99, sum by (le) (rate(payflow_payment_execution_seconds_bucket[$__rate_interval])))',
      }),
    ],
    [
      graph('Outbox', 'Messages the broker has not confirmed.', 'short', {
        '{{service}}': 'max by (service) (payflow_outbox_pending)',
      }),
      graph('Messages confirmed', 'By what they say.', 'ops', {
        '{{type}}': 'sum by (type) (rate(payflow_messages_sent_total[$__rate_interval]))',
      }),
    ],
    [
      graph('Recorded by the worker', 'late: the payment had ended before.', 'ops', {
        '{{outcome}}': 'sum by (outcome) (rate(payflow_payments_recorded_total[$__rate_interval]))',
      }),
      graph('Notifications and mails', 'Who was told.', 'ops', {
        notifications: 'sum(rate(payflow_notifications_written_total[$__rate_interval]))',
        'mails {{outcome}}':
          'sum by (outcome) (rate(payflow_mail_settled_total[$__rate_interval]))',
      }),
    ],
    [
      graph('Mails given up', 'All that are kept, 90 days of them.', 'short', {
        'nobody has it': 'max(payflow_mail_failed)',
        'somebody may have it': 'max(payflow_mail_unknown)',
      }),
    ],
    [
      log(
        'The worker',
        'What it warns of.',
        '{service=~"worker|reversal",level=~"warn|error|fatal"}',
      ),
    ],
  ],
}
