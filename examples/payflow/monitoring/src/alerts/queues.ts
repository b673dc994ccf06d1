import { QUEUE_BANDS, QUEUES } from '@payflow-app/contracts'
import { LEASH_S, type AlertGroup } from './alert.ts'

const { fineMax, busyMax } = QUEUE_BANDS
const depth = 'max by (queue) (payflow_queue_depth)'
const trend = (window: string) => `max by (queue) (deriv(payflow_queue_depth[${window}]))`
const execute = `max by (queue) (payflow_queue_depth{queue="${QUEUES.execute}"})`

/** The way of a message: outbox, broker, queue, consumer, and where it is parked. */
export const queueAlerts: AlertGroup = {
  name: 'payflow-queues',
  alerts: [
    {
      name: 'PayflowQueueBusy',
      severity: 'warning',
      expr: `${depth} > ${fineMax} and ${trend('10m')} >= 0`,
      for: '10m',
      summary: 'A queue is busy and does not get shorter',
      description:
        '{{ $value | humanize }} messages wait in {{ $labels.queue }}. People begin to notice; ' +
        'nothing is lost.',
    },
    {
      name: 'PayflowQueueDelayed',
      severity: 'warning',
      expr: `${depth} > ${busyMax}`,
      for: '2m',
      summary: 'A queue is so long that people wait',
      description:
        '{{ $value | humanize }} messages wait in {{ $labels.queue }}. Payments take visibly ' +
        'longer; the page says so.',
    },
    {
      name: 'PayflowQueueGrowing',
      severity: 'critical',
      expr: `${depth} > ${busyMax} and ${trend('5m')} > 0`,
      for: '5m',
      summary: 'A queue is long and grows',
      description:
        '{{ $value | humanize }} messages wait in {{ $labels.queue }}, and more come than go. If ' +
        'this goes on, payments will outlive their leash and be given up.',
    },
    {
      name: 'PayflowQueueNearLeash',
      severity: 'critical',
      expr:
        `${execute} > ${fineMax} ` +
        `and on () max(payflow_oldest_pending_seconds) > ${LEASH_S.processing / 2}`,
      summary: 'Payments in the queue will soon be given up',
      description:
        '{{ $value | humanize }} payments wait in {{ $labels.queue }}, and the oldest has used half ' +
        'of its leash. What is not executed in time is given up and has to be made again.',
    },
    {
      name: 'PayflowQueueWithoutConsumer',
      severity: 'critical',
      expr: 'max by (queue) (payflow_queue_consumers) == 0',
      for: '2m',
      summary: 'Nobody takes messages from a queue',
      description:
        '{{ $labels.queue }} has no consumer. Without the worker payments wait, and are given up ' +
        'after fifteen minutes; without notification-service nobody is told.',
    },
    {
      name: 'PayflowMessagesParked',
      severity: 'warning',
      expr: 'max by (queue) (payflow_queue_parked) > 0',
      summary: 'Messages were given up and wait for a person',
      description:
        '{{ $value | humanize }} messages of {{ $labels.queue }} are parked. A payment among them ' +
        'is ended by the reversal; whoever it concerns is not told of an event among them.',
    },
    {
      name: 'PayflowQueuesUnmeasured',
      severity: 'critical',
      expr: 'max(payflow_payments_pending) >= 0 unless max(payflow_queue_depth)',
      for: '1m',
      summary: 'The broker cannot be asked about its queues',
      description:
        'transaction-service gets no answer from RabbitMQ. Payments are accepted and, a minute ' +
        'later, given up; {{ $value | humanize }} are pending.',
    },
    {
      name: 'PayflowOutboxLate',
      severity: 'critical',
      expr: 'max by (service) (payflow_outbox_oldest_seconds) > 5',
      for: '30s',
      summary: 'Messages do not get to the broker',
      description:
        'The oldest unconfirmed message of {{ $labels.service }} is {{ $value | humanizeDuration }} ' +
        'old. A payment whose message is unconfirmed for a minute is given up.',
    },
    {
      name: 'PayflowOutboxParked',
      severity: 'warning',
      expr: 'max by (service) (payflow_outbox_parked) > 0',
      summary: 'The broker refused messages for good',
      description:
        '{{ $value | humanize }} messages of {{ $labels.service }} were refused too often and stay ' +
        'in its outbox. Their payments are given up by the reversal.',
    },
  ],
}
