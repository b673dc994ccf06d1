import { casesOf, type AlertCase } from './alert-case.ts'

const queueSeries = (name: string) => (queue: string) =>
  `${name}{queue="${queue}",service="transaction"}`
const depth = queueSeries('payflow_queue_depth')
const consumers = queueSeries('payflow_queue_consumers')
const parkedIn = queueSeries('payflow_queue_parked')
const outbox = (name: string, service = 'transaction') =>
  `payflow_outbox_${name}{service="${service}"}`
const oldest = 'payflow_oldest_pending_seconds{service="transaction"}'
const pending = 'payflow_payments_pending{service="transaction"}'
const [execute, events] = ['payments.execute', 'notifications.events'] as const

const busy = casesOf('PayflowQueueBusy')
const delayed = casesOf('PayflowQueueDelayed')
const growing = casesOf('PayflowQueueGrowing')
const nearLeash = casesOf('PayflowQueueNearLeash')
const alone = casesOf('PayflowQueueWithoutConsumer')
const parked = casesOf('PayflowMessagesParked')
const unmeasured = casesOf('PayflowQueuesUnmeasured')
const outboxLate = casesOf('PayflowOutboxLate')
const outboxParked = casesOf('PayflowOutboxParked')

export const queueCases: readonly AlertCase[] = [
  busy.fires('51 wait and it does not change', { [depth(execute)]: '51x30' }, '20m', {
    labels: { queue: execute },
    shown: '51',
  }),
  busy.quiet('50 wait: that is fine', { [depth(execute)]: '50x30' }, '20m'),
  busy.quiet('it gets shorter', { [depth(execute)]: '190-5x25' }, '20m'),
  busy.quiet('for five minutes', { [depth(execute)]: '0x10 60x5' }, '15m'),

  delayed.fires(
    '201 wait in one of the queues',
    { [depth(execute)]: '10x10', [depth(events)]: '201x10' },
    '5m',
    { labels: { queue: events }, shown: '201' },
  ),
  delayed.quiet('200 wait', { [depth(execute)]: '200x10' }, '5m'),
  delayed.quiet('a burst that is worked off', { [depth(execute)]: '0 500 100 0' }, '1m'),

  growing.fires('ten more each minute', { [depth(execute)]: '200+10x20' }, '10m', {
    labels: { queue: execute },
    shown: '300',
  }),
  growing.quiet('a burst', { [depth(execute)]: '100x6 300 100' }, '7m'),
  growing.quiet('long, and it does not grow', { [depth(execute)]: '300x20' }, '15m'),
  growing.quiet('long, and gets shorter', { [depth(execute)]: '900-10x20' }, '15m'),
  growing.quiet('grows, and is not long', { [depth(execute)]: '0+10x20' }, '20m'),

  nearLeash.fires(
    'many wait, the oldest for eight minutes',
    { [depth(execute)]: '60x10', [oldest]: '0+60x10' },
    '8m',
    { labels: { queue: execute }, shown: '60' },
  ),
  nearLeash.quiet('they are young', { [depth(execute)]: '60x10', [oldest]: '450x10' }, '8m'),
  nearLeash.quiet('few wait', { [depth(execute)]: '50x10', [oldest]: '0+60x10' }, '8m'),
  nearLeash.quiet(
    'events wait, and no payment',
    { [depth(events)]: '60x10', [depth(execute)]: '0x10', [oldest]: '0+60x10' },
    '8m',
  ),

  alone.fires(
    'the worker is gone',
    { [consumers(execute)]: '1 0 0 0 0', [consumers(events)]: '1x4' },
    '4m',
    { labels: { queue: execute } },
  ),
  alone.quiet('it was only restarted', { [consumers(execute)]: '1 0 1 0 1' }, '3m'),

  parked.fires('one', { [parkedIn(execute)]: '0 1' }, '1m', {
    labels: { queue: execute },
    shown: '1',
  }),
  parked.quiet('none', { [parkedIn(execute)]: '0x5' }, '5m'),
  parked.quiet('it was sent back', { [parkedIn(execute)]: '1 1 0' }, '2m'),

  unmeasured.fires('payments are known, queues are not', { [pending]: '4x10' }, '2m', {
    shown: '4',
  }),
  unmeasured.quiet('both are', { [pending]: '4x10', [depth(execute)]: '0x10' }, '5m'),
  unmeasured.quiet(
    'the broker was away for a scrape',
    { [pending]: '4x10', [depth(execute)]: '0 0 stale 0' },
    '2m',
  ),
  unmeasured.quiet('nothing is, which another alert tells', {}, '5m'),

  outboxLate.fires(
    'six seconds, and it lasts',
    { [outbox('oldest_seconds', 'auth')]: '6x5', [outbox('oldest_seconds')]: '0x5' },
    '2m',
    { labels: { service: 'auth' }, shown: '6s' },
  ),
  outboxLate.quiet('five seconds', { [outbox('oldest_seconds')]: '5x5' }, '2m'),
  outboxLate.quiet('once', { [outbox('oldest_seconds')]: '0 30 0' }, '1m'),

  outboxParked.fires('two', { [outbox('parked')]: '2x2' }, '1m', {
    labels: { service: 'transaction' },
    shown: '2',
  }),
  outboxParked.quiet(
    'many wait, none was refused',
    {
      [outbox('parked')]: '0x5',
      [outbox('pending')]: '400x5',
    },
    '5m',
  ),
]
