import {
  amqpUrlVariable,
  httpUrlVariable,
  integerVariable,
  portVariable,
  postgresUrlVariable,
  serviceKeyVariables,
  type ConfigFault,
  type ProcessConfig,
} from '@payflow-app/service-kit'
import { z } from 'zod'
import { parseSender } from './mail/sender-address.ts'

/** What notification-service reads from the environment. */
export const notificationVariables = {
  PORT: portVariable.default(3003),
  DATABASE_URL: postgresUrlVariable,
  RABBITMQ_URL: amqpUrlVariable,
  /** Where auth-service publishes the keys of access tokens. */
  JWKS_URL: httpUrlVariable,
  /**
   * The mail server that takes our mails, as `smtp://user:password@host:587`, or `smtps://` where TLS
   * begins with the connection. Without it no e-mail is sent, and none is kept for later.
   */
  SMTP_URL: z
    .url({ protocol: /^smtps?$/, error: 'must be an smtp:// or smtps:// URL' })
    .refine((url) => !/[?#]/.test(url), 'must have no options: they have variables of their own')
    .optional(),
  /** `offered` talks plainly to a server that has no TLS: for one's own machine. */
  SMTP_TLS: z.enum(['required', 'offered']).default('required'),
  /** The sender, as `PayFlow <no-reply@payflow.example>` or the address alone. Needed for e-mail. */
  MAIL_FROM: z
    .string()
    .transform((text, context) => {
      const sender = parseSender(text)
      if (sender) return sender
      context.addIssue({ code: 'custom', message: 'must be an address, or a name and <address>' })
      return z.NEVER
    })
    .optional(),
  /** Where people find the web page: links in mails begin with it. Needed for e-mail. */
  PUBLIC_URL: httpUrlVariable.optional(),
  /** auth-service, which knows where mail to a user goes. */
  AUTH_URL: httpUrlVariable,
  ...serviceKeyVariables('notification'),
  /** Mails on their way at once, each over a connection of its own. */
  MAIL_CONCURRENCY: integerVariable(1, 100).default(4),
  /** How often mails that are due are looked for. */
  MAIL_POLL_MS: integerVariable(10, 60_000).default(500),
  /** For each step of the conversation with the mail server: connecting, greeting, every answer. */
  SMTP_TIMEOUT_MS: integerVariable(50, 600_000).default(15_000),
  /** For one attempt as a whole. A server that sends a byte now and then does not stretch it. */
  MAIL_ATTEMPT_TIMEOUT_MS: integerVariable(100, 600_000).default(60_000),
  /**
   * After this the mails of a process that died are sent by another, or by its successor. At least
   * three times MAIL_ATTEMPT_TIMEOUT_MS.
   */
  MAIL_LEASE_MS: integerVariable(300, 3_600_000).default(180_000),
  /** Answers of "later", or none, after which a mail is given up: some three hours. */
  MAIL_ATTEMPTS_MAX: integerVariable(1, 1_000).default(20),
  /** Wait after the first attempt; it doubles with each, up to a quarter of an hour. */
  MAIL_RETRY_FIRST_MS: integerVariable(10, 900_000).default(10_000),
  /**
   * How long it is kept what became of a mail, once it was sent, skipped or given up: who was told of
   * which payment. Long enough for a complaint about a statement.
   */
  MAIL_RETENTION_DAYS: integerVariable(30, 3_650).default(90),
  /** How long notifications are shown, read or not. What they tell of stays in the history. */
  NOTIFICATION_RETENTION_DAYS: integerVariable(30, 3_650).default(400),
  /** How often it is looked for what is to be forgotten. */
  PURGE_INTERVAL_MS: integerVariable(50, 86_400_000).default(3_600_000),
}

type NotificationConfig = ProcessConfig & z.output<z.ZodObject<typeof notificationVariables>>

const neededForMail = ['MAIL_FROM', 'PUBLIC_URL'] as const

/** Faults that no variable has alone. */
export function notificationFaults(config: NotificationConfig): ConfigFault[] {
  if (config.SMTP_URL === undefined) return []
  const faults: ConfigFault[] = neededForMail
    .filter((name) => config[name] === undefined)
    .map((name) => ({ name, message: 'is required with SMTP_URL' }))
  // A third to wait, one to send, and one to record it before anybody takes over.
  if (config.MAIL_LEASE_MS < 3 * config.MAIL_ATTEMPT_TIMEOUT_MS) {
    const message = 'must be at least three times MAIL_ATTEMPT_TIMEOUT_MS'
    faults.push({ name: 'MAIL_LEASE_MS', message })
  }
  // The link to a new password would travel where others can read it.
  if (config.NODE_ENV === 'production' && config.PUBLIC_URL?.startsWith('https:') === false) {
    faults.push({ name: 'PUBLIC_URL', message: 'must be https in production' })
  }
  return faults
}
