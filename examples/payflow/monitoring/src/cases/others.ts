import { casesOf, type AlertCase } from './alert-case.ts'

const imbalance = (currency: string) =>
  `payflow_ledger_imbalance_minor{currency="${currency}",service="wallet"}`
const mail = (name: string) => `payflow_mail_${name}{service="notification"}`
const settled = (outcome: string) =>
  `payflow_mail_settled_total{kind="payment_sent",outcome="${outcome}",service="notification"}`
/** Nothing for ten minutes, then so many at once. */
const within = (count: number) => `0x10 ${count}x60`
const up = (process: string, instance = `${process}:1`) =>
  `up{instance="${instance}",job="payflow",process="${process}"}`
const http = (service: string, status: string) =>
  `http_request_duration_seconds_count{method="GET",route="/x",service="${service}",status_code="${status}"}`
const slow = (le: string) =>
  'http_request_duration_seconds_bucket{method="POST",route="/api/transactions",' +
  `service="gateway",status_code="202",le="${le}"}`
const threeSlow = {
  [slow('1')]: '0+197x15',
  [slow('2.5')]: '0+200x15',
  [slow('+Inf')]: '0+200x15',
}
const inDays = (days: number) => String(days * 86_400)
const ends = 'certmanager_certificate_expiration_timestamp_seconds{name="gateway-tls"}'
const endsOfOthers =
  'certmanager_certificate_expiration_timestamp_seconds{name="linkerd-identity-issuer"}'
const lag = 'nodejs_eventloop_lag_p99_seconds{service="worker"}'
const pool = 'payflow_database_waiting_statements{service="wallet"}'
const keys = (type: string) => `payflow_idempotency_events_total{service="gateway",type="${type}"}`
const passwords = 'payflow_password_hashes_refused_total{service="auth"}'
const started =
  'process_start_time_seconds{instance="worker:1",job="payflow",process="worker",service="worker"}'

const processes = ['gateway', 'wallet', 'transaction', 'notification', 'auth', 'worker'] as const
const allUpBut = (but: string) =>
  Object.fromEntries(processes.filter((one) => one !== but).map((one) => [up(one), '1x10']))

const wrong = casesOf('PayflowLedgerImbalance')
const unread = casesOf('PayflowLedgerUnmeasured')
const mailLate = casesOf('PayflowMailLate')
const mailAway = casesOf('PayflowMailServerUnreachable')
const givenUp = casesOf('PayflowMailGivenUp')
const down = casesOf('PayflowTargetDown')
const missing = casesOf('PayflowProcessMissing')
const restarts = casesOf('PayflowProcessRestarts')
const stalls = casesOf('PayflowEventLoopStalls')
const exhausted = casesOf('PayflowDatabasePoolExhausted')
const fail = casesOf('PayflowRequestsFail')
const slowly = casesOf('PayflowAcceptingSlow')
const refused = casesOf('PayflowTokensRefused')
const withoutRedis = casesOf('PayflowKeysWithoutRedis')
const tooMany = casesOf('PayflowPasswordsRefused')
const certificate = casesOf('PayflowCertificateEnds')

const ledgerCases: readonly AlertCase[] = [
  wrong.fires(
    'one minor unit too little, in one currency',
    { [imbalance('USD')]: '0x5', [imbalance('EUR')]: '0 -1x4' },
    '1m',
    { labels: { currency: 'EUR' }, shown: '1' },
  ),
  wrong.fires('too much', { [imbalance('USD')]: '250x2' }, '1m', {
    labels: { currency: 'USD' },
    shown: '250',
  }),
  wrong.quiet('none', { [imbalance('USD')]: '0x5', [imbalance('EUR')]: '0x5' }, '5m'),

  unread.fires('no process says it', {}, '3m', {}),
  unread.quiet('one does', { [imbalance('USD')]: '0x5' }, '5m'),
  unread.quiet('a scrape failed', { [imbalance('USD')]: '0 0 stale 0' }, '2m'),
]

const mailCases: readonly AlertCase[] = [
  mailLate.fires('sixteen minutes', { [mail('oldest_unsent_seconds')]: '960x5' }, '2m', {
    shown: '16m 0s',
  }),
  mailLate.quiet('one, once', { [mail('oldest_unsent_seconds')]: '0 960 0' }, '1m'),
  mailLate.quiet('a quarter of an hour', { [mail('oldest_unsent_seconds')]: '900x5' }, '3m'),

  mailAway.fires('for six minutes', { [mail('server_reachable')]: '1 0x6' }, '7m', {}),
  mailAway.quiet('for four', { [mail('server_reachable')]: '1 0x4 1' }, '5m'),
  mailAway.quiet(
    'one of two processes gets through',
    {
      [mail('server_reachable').replace('{', '{instance="a",')]: '0x10',
      [mail('server_reachable').replace('{', '{instance="b",')]: '1x10',
    },
    '10m',
  ),

  givenUp.fires(
    'six of a hundred',
    { [settled('failed')]: within(6), [settled('sent')]: within(94) },
    '40m',
    { shown: '6' },
  ),
  givenUp.fires(
    'some that nobody has, and some that somebody may have',
    { [settled('failed')]: within(4), [settled('unknown')]: within(4) },
    '40m',
    { shown: '8' },
  ),
  givenUp.fires(
    'more, beside what was given up last week',
    { [mail('failed')]: '40x70', [settled('failed')]: '40x10 49x60' },
    '70m',
    { shown: '9' },
  ),
  givenUp.quiet(
    'old failures, which are kept',
    { [mail('failed')]: '40x70', [mail('unknown')]: '2x70', [settled('failed')]: '40x70' },
    '65m',
  ),
  givenUp.quiet('two hours ago', { [settled('failed')]: `${within(50)} 50x70` }, '125m'),
  givenUp.quiet('five, which may be one address', { [settled('failed')]: within(5) }, '40m'),
  givenUp.quiet(
    'one in twenty',
    { [settled('failed')]: within(10), [settled('sent')]: within(190) },
    '40m',
  ),
  givenUp.quiet(
    'many wait',
    { [settled('failed')]: '0x60', [settled('sent')]: within(10), [mail('waiting')]: '90x60' },
    '40m',
  ),
]

const healthCases: readonly AlertCase[] = [
  down.fires(
    'one of two workers',
    { [up('worker', 'a')]: '0x5', [up('worker', 'b')]: '1x5' },
    '2m',
    { labels: { process: 'worker', instance: 'a', job: 'payflow' } },
  ),
  down.quiet('it missed one scrape', { [up('worker')]: '1 0 1' }, '1m'),
  down.quiet('another target, not of PayFlow', { 'up{job="node"}': '0x5' }, '5m'),

  missing.fires(
    'the only worker does not answer',
    { ...allUpBut('worker'), [up('worker')]: '0x10' },
    '3m',
    { labels: { process: 'worker' } },
  ),
  missing.fires('there is no worker at all', allUpBut('worker'), '3m', {
    labels: { process: 'worker' },
  }),
  missing.quiet(
    'one of two does',
    {
      ...allUpBut('worker'),
      [up('worker', 'a')]: '0x10',
      [up('worker', 'b')]: '1x10',
    },
    '5m',
  ),
  missing.quiet(
    'it is being replaced',
    {
      ...allUpBut('worker'),
      [up('worker')]: '1 0 1 1',
    },
    '1m',
  ),
  missing.quiet('no reversal, which is a job', allUpBut('nobody'), '5m'),

  restarts.fires('every other minute', { [started]: '0 0 2 2 4 4 6 6 8 8' }, '9m', {
    labels: { process: 'worker', instance: 'worker:1', job: 'payflow', service: 'worker' },
    shown: '4',
  }),
  restarts.quiet('three times, for a new version', { [started]: '0 0 2 2 4 4 6 6 6' }, '8m'),

  stalls.fires('for six minutes', { [lag]: '0.6x10' }, '6m', {
    labels: { service: 'worker' },
    shown: '600ms',
  }),
  stalls.quiet('for a moment', { [lag]: '0 3 0' }, '1m'),
  stalls.quiet('a little, always', { [lag]: '0.5x10' }, '10m'),

  exhausted.fires('for six minutes', { [pool]: '3x10' }, '6m', {
    labels: { service: 'wallet' },
    shown: '3',
  }),
  exhausted.quiet('now and then', { [pool]: '3 0 3 0 3 0 3 0 3' }, '8m'),
]

const requestCases: readonly AlertCase[] = [
  fail.fires(
    'one in ten',
    { [http('gateway', '200')]: '0+90x10', [http('gateway', '503')]: '0+10x10' },
    '8m',
    {
      shown: '10%',
    },
  ),
  fail.quiet(
    'for a moment',
    {
      [http('gateway', '200')]: '0+90x10',
      [http('gateway', '503')]: '0x7 50',
    },
    '8m',
  ),
  fail.quiet(
    'one in twenty',
    {
      [http('gateway', '200')]: '0+95x10',
      [http('gateway', '503')]: '0+5x10',
    },
    '8m',
  ),
  fail.quiet(
    'one of three, in a quiet night',
    { [http('gateway', '200')]: '0+2x10', [http('gateway', '503')]: '0+1x10' },
    '8m',
  ),
  fail.quiet(
    'refusals, which are answers',
    {
      [http('gateway', '200')]: '0+50x10',
      [http('gateway', '422')]: '0+50x10',
    },
    '8m',
  ),
  fail.quiet(
    'of another process, which the gateway tried again',
    {
      [http('gateway', '200')]: '0+90x10',
      [http('wallet', '503')]: '0+90x10',
    },
    '8m',
  ),

  slowly.fires('three in two hundred take more than a second', threeSlow, '12m', { shown: '1.5s' }),
  slowly.quiet('for a moment', threeSlow, '3m'),
  slowly.quiet(
    'one in a hundred takes more',
    {
      [slow('0.5')]: '0x15',
      [slow('1')]: '0+99x15',
      [slow('2.5')]: '0+100x15',
      [slow('+Inf')]: '0+100x15',
    },
    '12m',
  ),

  refused.fires('of the worker, by wallet-service', { [http('wallet', '401')]: '0+10x10' }, '8m', {
    labels: { service: 'wallet' },
    shown: '50',
  }),
  refused.fires('two a minute', { [http('wallet', '401')]: '0+2x10' }, '8m', {
    labels: { service: 'wallet' },
    shown: '10',
  }),
  refused.quiet('for a moment', { [http('wallet', '401')]: '0+10x10' }, '2m'),
  refused.quiet('one a minute', { [http('wallet', '401')]: '0+1x10' }, '8m'),
  refused.quiet('of people, by the gateway', { [http('gateway', '401')]: '0+100x10' }, '8m'),

  withoutRedis.fires('each payment', { [keys('store_failed')]: '0+2x10' }, '8m', { shown: '10' }),
  withoutRedis.quiet('for a moment', { [keys('store_failed')]: '0+2x10' }, '1m'),
  withoutRedis.quiet(
    'replays',
    { [keys('store_failed')]: '0x10', [keys('replayed')]: '0+9x10' },
    '8m',
  ),

  tooMany.fires('ten a minute', { [passwords]: '0+10x10' }, '8m', { shown: '50' }),
  tooMany.quiet('for a moment', { [passwords]: '0+10x10' }, '1m'),
  tooMany.quiet('last week', { [passwords]: '500x10' }, '8m'),

  certificate.fires('in thirteen days', { [ends]: `${inDays(13)}x90` }, '61m', {
    labels: { name: 'gateway-tls' },
    shown: '12d 22h 59m 0s',
  }),
  certificate.quiet(
    'of others, which live for two days',
    { [endsOfOthers]: `${inDays(1)}x90` },
    '61m',
  ),
  certificate.quiet('in fifteen days', { [ends]: `${inDays(15)}x90` }, '61m'),
  certificate.quiet(
    'it is renewed within the hour',
    { [ends]: `${inDays(13)}x30 ${inDays(90)}x60` },
    '30m',
  ),
]

export const otherCases: readonly AlertCase[] = [
  ...ledgerCases,
  ...mailCases,
  ...healthCases,
  ...requestCases,
]
