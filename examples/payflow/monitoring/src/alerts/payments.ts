import { FLOW_ALARM } from '@payflow-app/contracts'
import { FLOW_WINDOW, LEASH_S, type AlertGroup } from './alert.ts'

const pendingS = FLOW_ALARM.pendingMs / 1_000
// The leash begins when the broker has confirmed, a dispatch leash after the payment at the latest;
// the job runs every minute, and may miss one.
const overdueS = LEASH_S.processing + LEASH_S.dispatch + 120
const reversed = `max(increase(payflow_reversals_total{outcome="reversed"}[${FLOW_WINDOW}]))`
const created = `max(increase(payflow_payments_created_total[${FLOW_WINDOW}]))`
const completed = `max(increase(payflow_payments_completed_total[${FLOW_WINDOW}]))`

/**
 * Whether what is accepted is executed. All figures are the database's, the same from every
 * replica: `max`, never `sum`.
 */
export const paymentAlerts: AlertGroup = {
  name: 'payflow-payments',
  alerts: [
    {
      name: 'PayflowPaymentsStalled',
      severity: 'critical',
      expr: 'max(payflow_payment_flow{state="stalled"}) == 1',
      for: '1m',
      summary: 'Payments wait and none is completed',
      description:
        'Something has waited for more than a minute and nothing has been completed since it came. ' +
        'Money is held, none has moved; after fifteen minutes the reversal gives it back.',
    },
    {
      name: 'PayflowMassReversal',
      severity: 'critical',
      expr:
        `${reversed} > ${FLOW_ALARM.reversedPercent / 100} * ${created} ` +
        `and ${reversed} >= ${FLOW_ALARM.reversedMin}`,
      summary: 'Many payments are given up',
      description:
        'The reversal has given up {{ $value | printf "%.0f" }} payments in ten minutes, more than a ' +
        'fifth of those that were made. Their senders have the money back; payments do not work.',
    },
    {
      name: 'PayflowNothingCompletes',
      severity: 'critical',
      expr:
        `${created} > 0 and ${completed} == 0 ` +
        `and max(payflow_payments_pending) + ${reversed} > 0`,
      for: '2m',
      summary: 'Payments are accepted and none is completed',
      description:
        'In ten minutes {{ $value | printf "%.0f" }} payments were accepted and none was completed; they ' +
        'wait, or were given up. No money is lost. Whoever pays now will be disappointed.',
    },
    {
      name: 'PayflowPaymentWaits',
      severity: 'warning',
      expr: `max(payflow_oldest_pending_seconds) > ${pendingS}`,
      for: '2m',
      summary: 'A payment is pending for longer than people wait',
      description:
        'The oldest pending payment is {{ $value | humanizeDuration }} old. Its money is held and ' +
        'has not moved.',
    },
    {
      name: 'PayflowPaymentOverdue',
      severity: 'critical',
      expr: `max(payflow_oldest_pending_seconds) > ${overdueS}`,
      summary: 'A payment has outlived its leash',
      description:
        'The oldest pending payment is {{ $value | humanizeDuration }} old. Neither the worker nor ' +
        'the reversal has ended it, so its money stays held until somebody has looked.',
    },
    {
      name: 'PayflowPaymentReversed',
      severity: 'warning',
      expr: 'max(increase(payflow_reversals_total{outcome="reversed"}[1h])) > 0',
      summary: 'A payment did not end by itself',
      description:
        'Payments that the reversal has given up within an hour: {{ $value | printf "%.0f" }}. Their ' +
        'senders have the money back and were told; find out why the worker did not come to them.',
    },
    {
      name: 'PayflowReversalLate',
      severity: 'critical',
      expr: 'time() - max(payflow_reversal_last_success_timestamp_seconds) > 300',
      summary: 'The reversal does not succeed any more',
      description:
        'The reversal last ended all that was stale {{ $value | humanizeDuration }} ago. What ' +
        'hangs now keeps its money held.',
    },
    {
      name: 'PayflowReversalNeverSucceeded',
      severity: 'critical',
      expr:
        'max(payflow_payments_pending) >= 0 ' +
        'unless max(payflow_reversal_last_success_timestamp_seconds)',
      for: '5m',
      summary: 'The reversal has never succeeded',
      description:
        'No run of the reversal has ever ended well. What hangs keeps its money held: ' +
        '{{ $value | humanize }} payments are pending.',
    },
    {
      name: 'PayflowPaymentsUnmeasured',
      severity: 'critical',
      expr: 'absent(payflow_oldest_pending_seconds)',
      for: '2m',
      summary: 'Nobody knows how payments are doing',
      description:
        'No process says how old the oldest pending payment is: transaction-service or its ' +
        'database is away, and every alert about payments is blind.',
    },
  ],
}
