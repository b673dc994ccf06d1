import type { AlertGroup } from './alert.ts'

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
      expr: 'max(payflow_mail_failed) > 0 or max(payflow_mail_unknown) > 0',
      summary: 'Mails were given up',
      description:
        '{{ $value | humanize }} mails were given up: somebody was told on the page only, or, of a ' +
        'new password, not at all.',
    },
  ],
}
