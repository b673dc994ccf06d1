import type { Logger, Metrics, ProcessConfig, Probe } from '@payflow-app/service-kit'
import type { Kysely } from 'kysely'
import type { z } from 'zod'
import type { notificationVariables } from '../config.ts'
import type { NotificationDatabase } from '../database.ts'
import { readMailBacklog } from '../sql/read-mail-backlog.ts'
import { createContacts } from './contacts.ts'
import { registerMailMetrics } from './mail-metrics.ts'
import { MailSender } from './mail-sender.ts'
import { createSmtp } from './smtp.ts'

/** What e-mail needs of the process. */
export interface StartMailOptions {
  readonly config: ProcessConfig & z.output<z.ZodObject<typeof notificationVariables>>
  readonly db: Kysely<NotificationDatabase>
  readonly logger: Logger
  readonly metrics: Metrics
  readonly probe: Probe
}

/** Starts sending e-mail, or says that it is off and returns undefined. */
export function startMail(options: StartMailOptions): MailSender | undefined {
  const { config, db, logger, metrics, probe } = options
  const { SMTP_URL, MAIL_FROM, PUBLIC_URL, AUTH_URL } = config
  if (!SMTP_URL || !MAIL_FROM || !PUBLIC_URL) {
    logger.warn('e-mail is off, for there is no SMTP_URL: nothing is sent, nothing kept for later')
    return undefined
  }
  const sender = new MailSender({
    db,
    logger,
    probe,
    counters: registerMailMetrics(metrics.registry, () => readMailBacklog(db)),
    from: MAIL_FROM,
    publicUrl: PUBLIC_URL,
    contacts: createContacts({
      baseUrl: AUTH_URL,
      key: config.SERVICE_KEY_NOTIFICATION_TO_AUTH,
    }),
    smtp: createSmtp({
      url: SMTP_URL,
      tls: config.SMTP_TLS,
      from: MAIL_FROM,
      connectionsMax: config.MAIL_CONCURRENCY,
      timeoutMs: config.SMTP_TIMEOUT_MS,
    }),
    concurrency: config.MAIL_CONCURRENCY,
    pollMs: config.MAIL_POLL_MS,
    attemptTimeoutMs: config.MAIL_ATTEMPT_TIMEOUT_MS,
    leaseMs: config.MAIL_LEASE_MS,
    attemptsMax: config.MAIL_ATTEMPTS_MAX,
    retryFirstMs: config.MAIL_RETRY_FIRST_MS,
  })
  sender.start()
  const { host } = new URL(SMTP_URL)
  logger.info({ smtp: host, from: MAIL_FROM.address }, `e-mail goes to ${host}`)
  return sender
}
