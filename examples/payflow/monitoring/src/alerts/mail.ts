import type { AlertGroup } from './alert.ts'

const settled = (which: string) => `sum(increase(payflow_mail_settled_total${which}[1h]))`
const givenUp = settled('{outcome=~"failed|unknown"}')

/** Whether people are told. No alert about mail is about money. */
export const mailAlerts: AlertGroup = {
  name: 'payflow-mail',
  alerts: [
    {
      name: 'PayflowMailLate',
      severity: 'warning',
      expr: 'max(payflow_mail_oldest_unsent_seconds) > 900',
      for: '1m',
      summary: 'Mails do not leave',
      description:
        'The oldest unsent mail is {{ $value | humanizeDuration }} old. Links for new passwords are ' +
        'mails too.',
    },
    {
      name: 'PayflowMailServerUnreachable',
      severity: 'warning',
      expr: 'max(payflow_mail_server_reachable) == 0',
      for: '5m',
      summary: 'The mail server cannot be reached',
      description:
        'The last attempts did not get through. Mails wait, for up to three days; nothing is given ' +
        'up for an outage.',
    },
    {
      name: 'PayflowMailGivenUp',
      severity: 'warning',
      // One person with a mistyped address has a handful of mails in an hour, and among many mails one
      // in twenty goes to an address that is no more. Rows are kept for 90 days: counted now, or one
      // of them would keep this alert on and hide all that come later.
      expr: `${givenUp} > 5 and ${givenUp} > 0.05 * ${settled('')}`,
      summary: 'Mails are given up',
      description:
        '{{ $value | printf "%.0f" }} mails were given up within an hour, more than one in twenty: ' +
        'people were told on the page only, or, of a new password, not at all.',
    },
  ],
}
