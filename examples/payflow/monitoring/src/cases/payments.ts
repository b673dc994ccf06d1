import { casesOf, type AlertCase } from './alert-case.ts'

const of = (name: string) => `${name}{service="transaction"}`
const flow = (state: string) => `payflow_payment_flow{service="transaction",state="${state}"}`
const [created, completed, pending, oldest] = [
  of('payflow_payments_created_total'),
  of('payflow_payments_completed_total'),
  of('payflow_payments_pending'),
  of('payflow_oldest_pending_seconds'),
]
const reversals = 'payflow_reversals_total{outcome="reversed",service="transaction"}'
const repaired = 'payflow_reversals_total{outcome="completed",service="transaction"}'
const lastSuccess = of('payflow_reversal_last_success_timestamp_seconds')

const stalled = casesOf('PayflowPaymentsStalled')
const mass = casesOf('PayflowMassReversal')
const nothing = casesOf('PayflowNothingCompletes')
const waits = casesOf('PayflowPaymentWaits')
const overdue = casesOf('PayflowPaymentOverdue')
const reversed = casesOf('PayflowPaymentReversed')
const late = casesOf('PayflowReversalLate')
const never = casesOf('PayflowReversalNeverSucceeded')
const unmeasured = casesOf('PayflowPaymentsUnmeasured')

/** Two replicas that read the same figures from one database. */
const twice = (name: string, values: string) =>
  Object.fromEntries(
    ['a', 'b'].map((instance) => [name.replace('{', `{instance="${instance}",`), values]),
  )

export const paymentCases: readonly AlertCase[] = [
  stalled.fires('stalled for two minutes', { [flow('stalled')]: '0 1 1 1' }, '3m', {}),
  stalled.quiet('stalled for a moment', { [flow('stalled')]: '0 1 0 0' }, '1m'),
  stalled.quiet(
    'reversing, which another alert tells',
    { [flow('stalled')]: '0x5', [flow('reversing')]: '1x5' },
    '5m',
  ),

  mass.fires(
    '3 of 10 are given up',
    { ...twice(created, '0+1x10'), ...twice(reversals, '0+0x7 1 2 3') },
    '10m',
    { shown: '3' },
  ),
  mass.fires('all are', { [created]: '0+1x10', [reversals]: '0+1x10' }, '10m', { shown: '10' }),
  mass.quiet('2 of 2: bad luck', { [created]: '0+0x8 1 2', [reversals]: '0+0x8 1 2' }, '10m'),
  mass.quiet('3 of 15: a fifth', { [created]: '0+1.5x10', [reversals]: '0+0x7 1 2 3' }, '10m'),
  mass.quiet('3 of 20', { [created]: '0+2x10', [reversals]: '0+0x7 1 2 3' }, '10m'),
  mass.quiet(
    'many were found completed',
    { [created]: '0+1x10', [reversals]: '0x10', [repaired]: '0+1x10' },
    '10m',
  ),
  mass.quiet('long ago', { [created]: '0+1x30', [reversals]: '0+5x5 25x25' }, '30m'),

  nothing.fires(
    'all of them wait',
    { [created]: '0+1x10', [completed]: '7x10', [pending]: '0+1x10', [reversals]: '0x10' },
    '10m',
    { shown: '10' },
  ),
  nothing.fires(
    'all of them are given up, and none waits',
    { [created]: '0+1x10', [completed]: '7x10', [pending]: '0x10', [reversals]: '0 0+1x9' },
    '10m',
    { shown: '10' },
  ),
  nothing.quiet(
    'one of many completes',
    { [created]: '0+1x10', [completed]: '7x5 8x5', [pending]: '0+1x10', [reversals]: '0x10' },
    '10m',
  ),
  nothing.quiet(
    'the only one failed for want of money',
    { [created]: '0x5 1x10', [completed]: '7x15', [pending]: '0x15', [reversals]: '0x15' },
    '10m',
  ),
  nothing.quiet(
    'the first after a quiet night has just come',
    { [created]: '0x8 1 1', [completed]: '7x10', [pending]: '0x8 1 1', [reversals]: '0x10' },
    '10m',
  ),
  nothing.quiet(
    'nobody pays',
    { [created]: '9x10', [completed]: '9x10', [pending]: '0x10', [reversals]: '0x10' },
    '10m',
  ),

  waits.fires('for more than a minute, and it lasts', { [oldest]: '61x5' }, '3m', {
    shown: '1m 1s',
  }),
  waits.quiet('for a minute', { [oldest]: '60x10' }, '10m'),
  waits.quiet('for long, but not any more', { [oldest]: '90 100 0 90 100' }, '4m'),

  overdue.fires('past both leashes and two runs', { [oldest]: '1081x2' }, '1m', {
    shown: '18m 1s',
  }),
  overdue.quiet('the job may still come', { [oldest]: '1080x2' }, '1m'),

  reversed.fires('one, half an hour ago', { [reversals]: '0x30 1x30' }, '59m', {
    shown: '1',
  }),
  reversed.quiet('one, yesterday', { [reversals]: '1x65' }, '65m'),
  reversed.quiet(
    'one was found completed',
    { [reversals]: '0x60', [repaired]: '0x30 1x30' },
    '59m',
  ),

  late.fires('last five minutes ago', { [lastSuccess]: '0+0x6' }, '6m', { shown: '6m 0s' }),
  late.quiet('exactly five minutes ago', { [lastSuccess]: '0x5' }, '5m'),
  late.quiet('every minute', { [lastSuccess]: '0+60x20' }, '20m'),

  never.fires('no run has ended well yet', { [pending]: '3x10' }, '6m', { shown: '3' }),
  never.quiet('it has just been installed', { [pending]: '0x10' }, '4m'),
  never.quiet('one has', { [pending]: '3x10', [lastSuccess]: '0+60x10' }, '10m'),
  never.quiet('nobody can say', {}, '10m'),

  unmeasured.fires('no process says it', { [of('up')]: '0x5' }, '3m', {}),
  unmeasured.quiet('one does', twice(oldest, '0x10'), '10m'),
  unmeasured.quiet('one scrape failed', { [oldest]: '0 0 0 stale 0 0' }, '3m'),
]
