import type { AlertGroup } from './alert.ts'

/** Whether money was made or lost. */
export const ledgerAlerts: AlertGroup = {
  name: 'payflow-ledger',
  alerts: [
    {
      name: 'PayflowLedgerImbalance',
      severity: 'critical',
      expr: 'max by (currency) (abs(payflow_ledger_imbalance_minor)) > 0',
      summary: 'The books do not balance',
      description:
        'Debits and credits in {{ $labels.currency }} differ by {{ $value | humanize }} minor units: ' +
        'money was made or lost. No code of PayFlow can do that, so somebody wrote into the tables.',
    },
    {
      name: 'PayflowLedgerUnmeasured',
      severity: 'critical',
      expr: 'absent(payflow_ledger_imbalance_minor)',
      for: '2m',
      summary: 'Nobody knows whether the books balance',
      description:
        'No process says whether debits equal credits: wallet-service or its database is away. ' +
        'Without them no payment is accepted.',
    },
  ],
}
