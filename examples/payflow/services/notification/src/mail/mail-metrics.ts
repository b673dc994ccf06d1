import { oncePerScrape } from '@payflow-app/service-kit'
import { Counter, Gauge, Histogram, type Registry } from 'prom-client'
import type { MailBacklog } from '../sql/read-mail-backlog.ts'
import { MAIL_KINDS, type MailKind } from './mail.ts'
import type { DeliveryOutcome } from './mail-sender.ts'

/** The ends a mail comes to, where anybody is to be told. */
const OUTCOMES = ['sent', 'failed', 'unknown'] as const

/** What the sender counts. */
export interface MailCounters {
  /** One attempt ended. */
  attempt(outcome: DeliveryOutcome['outcome'], seconds: number): void
  /** A mail came to its end. */
  settled(kind: MailKind, outcome: (typeof OUTCOMES)[number]): void
  /** Mail server and auth-service can be reached, or not. */
  reachable(reachable: boolean): void
}

type BacklogGauge = readonly [name: string, help: string, value: (backlog: MailBacklog) => number]

const backlogGauges: readonly BacklogGauge[] = [
  ['payflow_mail_waiting', 'Mails that are not sent yet', ({ waiting }) => waiting],
  [
    'payflow_mail_oldest_unsent_seconds',
    'Age of the oldest mail that is not sent yet, or 0',
    ({ oldestUnsentMs }) => oldestUnsentMs / 1_000,
  ],
  [
    'payflow_mail_failed',
    'Mails that were given up and that no mail server has taken',
    ({ failed }) => failed,
  ],
  [
    'payflow_mail_unknown',
    'Mails that were given up and that a mail server may have taken',
    ({ unknown }) => unknown,
  ],
]

/** Registers what tells how e-mail is doing. The backlog is read at each scrape. */
export function registerMailMetrics(
  registry: Registry,
  readBacklog: () => Promise<MailBacklog>,
): MailCounters {
  const registers = [registry]
  const attempts = new Histogram({
    name: 'payflow_mail_attempt_duration_seconds',
    help: 'Attempts to send a mail, by what became of them',
    labelNames: ['outcome'] as const,
    // From a mail server next door to the longest an attempt may take.
    buckets: [0.01, 0.05, 0.1, 0.5, 1, 5, 15, 60],
    registers,
  })
  const settled = new Counter({
    name: 'payflow_mail_settled_total',
    help: 'Mails that came to their end',
    labelNames: ['kind', 'outcome'] as const,
    registers,
  })
  // A counter that begins with its first failure has never grown: no alert would see that one.
  for (const kind of MAIL_KINDS) {
    for (const outcome of OUTCOMES) settled.inc({ kind, outcome }, 0)
  }
  const reachable = new Gauge({
    name: 'payflow_mail_server_reachable',
    help: '1 while the last attempt got through to the mail server, else 0',
    registers,
  })
  reachable.set(1)
  const read = oncePerScrape(readBacklog)
  for (const [name, help, value] of backlogGauges) {
    new Gauge({
      name,
      help,
      registers,
      async collect() {
        const backlog = await read().catch(() => undefined)
        // No value at all during an outage: an old one would look like news.
        if (backlog === undefined) this.remove()
        else this.set(value(backlog))
      },
    })
  }
  return {
    attempt: (outcome, seconds) => attempts.observe({ outcome }, seconds),
    settled: (kind, outcome) => settled.inc({ kind, outcome }),
    reachable: (isReachable) => reachable.set(isReachable ? 1 : 0),
  }
}
