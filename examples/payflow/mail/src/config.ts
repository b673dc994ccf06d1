import {
  integerVariable,
  portVariable,
  type ConfigFault,
  type ProcessConfig,
} from '@payflow-app/service-kit'
import { z } from 'zod'

/** What the mail sink reads from the environment. */
export const mailVariables = {
  /** Of the page. */
  PORT: portVariable.default(3007),
  SMTP_PORT: portVariable.default(3008),
  /** The folder mails are kept in. It is made when it is not there. */
  MAIL_DIR: z.string().min(1),
  /** The oldest are forgotten when there are more. */
  MAILS_MAX: integerVariable(1, 10_000).default(500),
  /** A larger mail is refused. */
  MAIL_BYTES_MAX: integerVariable(1_024, 26_214_400).default(1_048_576),
  /**
   * `on` lets HOST be any address: in a container, which has a loopback of its own, and whose ports
   * whoever runs it publishes on the machine's loopback only.
   */
  MAIL_IN_CONTAINER: z.enum(['on', 'off']).default('off'),
}

type MailConfig = ProcessConfig & z.output<z.ZodObject<typeof mailVariables>>

/** Everybody who can reach the page can read everybody's mail, the links to new passwords too. */
export function mailFaults({ NODE_ENV, HOST, MAIL_IN_CONTAINER }: MailConfig): ConfigFault[] {
  const faults: ConfigFault[] = []
  if (NODE_ENV === 'production') {
    faults.push({ name: 'NODE_ENV', message: 'must not be production: this shows mails to all' })
  }
  const onlyHere = ['127.0.0.1', 'localhost', '::1'].includes(HOST)
  if (!onlyHere && MAIL_IN_CONTAINER === 'off') {
    faults.push({ name: 'HOST', message: 'must be loopback: this shows mails to all' })
  }
  return faults
}
