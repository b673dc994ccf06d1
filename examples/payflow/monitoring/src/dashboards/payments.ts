import { FLOW_ALARM } from '@payflow-app/contracts'
import { figure, graph, log, type Dashboard } from './panel.ts'

const pendingS = FLOW_ALARM.pendingMs / 1_000
const ends = (quantile: string) =>
  `histogram_quantile(${quantile}, sum by (le) (rate(payflow_payment_completion_seconds_bucket[$__rate_interval])))`
const accepts = (quantile: string) =>
  `histogram_quantile(${quantile}, sum by (le) (rate(http_request_duration_seconds_bucket{service="gateway",route="/api/transactions",method="POST"}[$__rate_interval])))`

/** Whether what is accepted is executed, and how long that takes. */
export const paymentsDashboard: Dashboard = {
  uid: 'payflow-payments',
  title: 'PayFlow: payments',
  description: 'Whether what is accepted is executed, how long that takes, and what is given up.',
  rows: [
    [
      figure(
        'Payments are',
        'The judgement that the page shows too. 1: stalled, 2: reversing.',
        'max(payflow_payment_flow{state="stalled"}) + 2 * max(payflow_payment_flow{state="reversing"})',
        {
          names: { 0: 'normal', 1: 'stalled', 2: 'reversing' },
          steps: [{ from: 1, colour: 'red' }],
        },
      ),
      figure('Pending', 'Accepted, and not ended.', 'max(payflow_payments_pending)'),
      figure(
        'Oldest pending',
        'Money that is held and does not move.',
        'max(payflow_oldest_pending_seconds)',
        { unit: 's', steps: [{ from: pendingS, colour: 'red' }] },
      ),
      figure(
        'Since the reversal succeeded',
        'It runs every minute.',
        'time() - max(payflow_reversal_last_success_timestamp_seconds)',
        {
          unit: 's',
          steps: [
            { from: 120, colour: 'yellow' },
            { from: 300, colour: 'red' },
          ],
        },
      ),
    ],
    [
      graph('Payments', 'From the database: the same whichever replica says it.', 'ops', {
        accepted: 'max(rate(payflow_payments_created_total[$__rate_interval]))',
        completed: 'max(rate(payflow_payments_completed_total[$__rate_interval]))',
        failed: 'max(rate(payflow_payments_failed_total[$__rate_interval]))',
      }),
      graph(
        'Ended by the reversal, in ten minutes',
        'Should be none. reversed: given up, and the money given back.',
        'short',
        { '{{outcome}}': 'max by (outcome) (increase(payflow_reversals_total[10m]))' },
        { steps: [{ from: FLOW_ALARM.reversedMin, colour: 'red' }] },
      ),
    ],
    [
      graph('From acceptance to the end', 'Of payments that the worker ended.', 's', {
        'half of them': ends('0.5'),
        '99 %': ends('0.99'),
      }),
      graph('Accepting a payment', 'What a person waits for after the click.', 's', {
        'half of them': accepts('0.5'),
        '99 %': accepts('0.99'),
      }),
    ],
    [
      graph('Requests for a payment', 'replayed: the same answer to the same key again.', 'ops', {
        '{{outcome}}, replayed {{replayed}}':
          'sum by (outcome, replayed) (rate(payflow_payment_requests_total[$__rate_interval]))',
      }),
      graph('Idempotency keys', 'store_failed: went on without Redis.', 'ops', {
        '{{type}}': 'sum by (type) (rate(payflow_idempotency_events_total[$__rate_interval]))',
      }),
    ],
    [
      log(
        'Errors',
        'Of the processes that a payment meets.',
        '{service=~"gateway|wallet|transaction|worker|reversal",level=~"error|fatal"}',
      ),
    ],
  ],
}
