import type { ServiceDefinition } from '@payflow-app/service-kit'
import { Counter } from 'prom-client'
import { mailFaults, mailVariables } from './config.ts'
import { Mailbox } from './mailbox.ts'
import { mailRoutes, securityHeaders } from './routes.ts'
import { openSmtpDoor } from './smtp-door.ts'

/**
 * The mail sink of `npm start`: an SMTP server that takes every mail and sends none on, and a page
 * that shows them. For one's own machine; it refuses to be anything else.
 */
export const mailSink: ServiceDefinition<typeof mailVariables> = {
  name: 'mail',
  variables: mailVariables,
  faults: mailFaults,
  async start({ config, logger, metrics, shutdown }) {
    const mailbox = await Mailbox.open({ dir: config.MAIL_DIR, mailsMax: config.MAILS_MAX })
    const received = new Counter({
      name: 'payflow_mail_sink_received_total',
      help: 'Mails that came to the sink',
      registers: [metrics.registry],
    })
    const door = await openSmtpDoor({
      mailbox,
      host: config.HOST,
      port: config.SMTP_PORT,
      bytesMax: config.MAIL_BYTES_MAX,
      logger,
      onMail: () => received.inc(),
    })
    shutdown.add('smtp', () => door.close())
    logger.info({ smtpPort: door.port, mails: mailbox.size }, `taking mails on port ${door.port}`)
    return { securityHeaders, routes: (app) => mailRoutes(app, mailbox) }
  },
}
