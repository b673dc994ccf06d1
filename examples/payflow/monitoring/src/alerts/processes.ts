import { PROCESS_PORTS } from '@payflow-app/contracts/arrows'
import type { Alert, AlertGroup } from './alert.ts'

// Kubernetes runs the reversal as a job that is gone when somebody could scrape it.
const always = Object.keys(PROCESS_PORTS).filter((name) => name !== 'reversal')
const missing = [
  `max by (process) (up{process=~"${always.join('|')}"}) == 0`,
  ...always.map((name) => `absent(up{process="${name}"})`),
].join(' or ')
const ofGateway = (function_: string, more = '') =>
  `sum(${function_}(http_request_duration_seconds_count{service="gateway"${more}}[5m]))`
const failed = ',status_code=~"5.."'

const health: readonly Alert[] = [
  {
    name: 'PayflowTargetDown',
    severity: 'warning',
    expr: 'up{process!=""} == 0',
    for: '1m',
    summary: 'A process does not answer',
    description:
      '{{ $labels.process }} at {{ $labels.instance }} cannot be scraped. Others of its kind go on.',
  },
  {
    name: 'PayflowProcessMissing',
    severity: 'critical',
    expr: missing,
    for: '2m',
    summary: 'No process of a kind is left',
    description: 'There is no {{ $labels.process }} that answers. What it does, nobody does.',
  },
  {
    name: 'PayflowProcessRestarts',
    severity: 'warning',
    expr: 'changes(process_start_time_seconds{process!=""}[15m]) > 3',
    summary: 'A process keeps dying',
    description:
      '{{ $labels.process }} at {{ $labels.instance }} was started {{ $value | humanize }} times ' +
      'within fifteen minutes. What it had in hand is taken up again; nothing is lost or doubled.',
  },
  {
    name: 'PayflowEventLoopStalls',
    severity: 'warning',
    expr: 'max by (service) (nodejs_eventloop_lag_p99_seconds) > 0.5',
    for: '5m',
    summary: 'A process stands still',
    description:
      'The event loop of {{ $labels.service }} is {{ $value | humanizeDuration }} late: it has too ' +
      'little CPU, and its answers are late too.',
  },
  {
    name: 'PayflowDatabasePoolExhausted',
    severity: 'warning',
    expr: 'max by (service) (payflow_database_waiting_statements) > 0',
    for: '5m',
    summary: 'Statements wait for a connection',
    description:
      '{{ $value | humanize }} statements of {{ $labels.service }} wait for a connection. PostgreSQL ' +
      'is slow or its connections are few; requests take longer and then fail.',
  },
]

const requestAlerts: readonly Alert[] = [
  {
    name: 'PayflowRequestsFail',
    severity: 'critical',
    // Of three requests in a quiet night one may fail.
    expr:
      `${ofGateway('rate', failed)} / ${ofGateway('rate')} > 0.05 ` +
      `and ${ofGateway('increase', failed)} > 10`,
    for: '2m',
    summary: 'Requests fail',
    description:
      '{{ $value | humanizePercentage }} of all requests end with a 5xx. A payment that was answered ' +
      'so is tried again by the page under the same key, so none is made twice.',
  },
  {
    name: 'PayflowAcceptingSlow',
    severity: 'warning',
    expr:
      'histogram_quantile(0.99, sum by (le) (rate(http_request_duration_seconds_bucket' +
      '{service="gateway",route="/api/transactions",method="POST"}[5m]))) > 1',
    for: '5m',
    summary: 'Accepting a payment takes long',
    description:
      'One in a hundred payments takes {{ $value | humanizeDuration }} or longer to be accepted.',
  },
  {
    name: 'PayflowTokensRefused',
    severity: 'critical',
    expr:
      'sum by (service) (increase(http_request_duration_seconds_count' +
      '{service=~"wallet|transaction|notification",status_code="401"}[5m])) > 5',
    for: '2m',
    summary: 'A service refuses the tokens of others',
    description:
      '{{ $labels.service }} has refused {{ $value | printf "%.0f" }} tokens in five minutes. What the ' +
      'gateway lets through, and what services say among themselves, is never refused while all ' +
      'have the same keys: one was changed on one side only.',
  },
  {
    name: 'PayflowKeysWithoutRedis',
    severity: 'warning',
    expr: 'sum(increase(payflow_idempotency_events_total{type="store_failed"}[5m])) > 0',
    for: '1m',
    summary: 'Idempotency keys are kept without Redis',
    description:
      'Redis did not answer {{ $value | printf "%.0f" }} times in five minutes. Payments stay safe, for ' +
      'the database knows each key too; they are slower.',
  },
  {
    name: 'PayflowPasswordsRefused',
    severity: 'warning',
    expr: 'sum(increase(payflow_password_hashes_refused_total[5m])) > 0',
    for: '1m',
    summary: 'People cannot log in because too many try',
    description:
      '{{ $value | printf "%.0f" }} passwords were not looked at in five minutes. Somebody guesses, or ' +
      'auth-service has too little CPU.',
  },
]

/** Whether the processes are there and answer. */
export const processAlerts: AlertGroup = {
  name: 'payflow-processes',
  alerts: [...health, ...requestAlerts],
}

/** The certificate of the page: the `secretName` of the Ingress, after which cert-manager names it. */
export const CERTIFICATE = 'gateway-tls'

/**
 * What PayFlow cannot see itself: certificates are held by the Ingress. Silent where cert-manager
 * is not scraped.
 */
export const platformAlerts: AlertGroup = {
  name: 'payflow-platform',
  alerts: [
    {
      name: 'PayflowCertificateEnds',
      severity: 'warning',
      // PayFlow's own: a mesh's certificates live for two days, and would be about to end for ever.
      expr:
        `min by (name) (certmanager_certificate_expiration_timestamp_seconds{name="${CERTIFICATE}"})` +
        ' - time() < 14 * 86400',
      for: '1h',
      summary: 'A certificate ends within two weeks',
      description:
        'The certificate {{ $labels.name }} ends in {{ $value | humanizeDuration }} and was not ' +
        'renewed. When it has ended, nobody can open the page.',
    },
  ],
}
