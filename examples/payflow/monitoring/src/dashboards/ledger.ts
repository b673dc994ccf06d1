import { figure, graph, log, type Dashboard } from './panel.ts'

/** Whether the books balance, and how the service that keeps them is doing. */
export const ledgerDashboard: Dashboard = {
  uid: 'payflow-ledger',
  title: 'PayFlow: ledger',
  description: 'Whether the books balance, and how the service that keeps them is doing.',
  rows: [
    [
      figure(
        'Debits less credits',
        'In minor units, by currency. Anything but 0: money was made or lost.',
        'max by (currency) (abs(payflow_ledger_imbalance_minor))',
        { width: 12, steps: [{ from: 1, colour: 'red' }], legend: '{{currency}}' },
      ),
      figure(
        'Found completed by the reversal, in a day',
        'The money had moved, and the record was missing.',
        'max(increase(payflow_reversals_total{outcome="completed"}[1d]))',
        { width: 12 },
      ),
    ],
    [
      graph('Requests to wallet-service', 'By status.', 'reqps', {
        '{{status_code}}':
          'sum by (status_code) (rate(http_request_duration_seconds_count{service="wallet"}[$__rate_interval]))',
      }),
      graph('How long they take, 99 %', 'By route.', 's', {
        '{{method}} {{route}}':
          'histogram_quantile(0.99, sum by (le, method, route) (rate(http_request_duration_seconds_bucket{service="wallet"}[$__rate_interval])))',
      }),
    ],
    [
      graph('Connections to the database', 'Of wallet-service.', 'short', {
        '{{state}}': 'sum by (state) (payflow_database_connections{service="wallet"})',
        'at most': 'sum(payflow_database_connections_max{service="wallet"})',
      }),
      graph('Statements that wait for one', 'Should be none.', 'short', {
        waiting: 'sum(payflow_database_waiting_statements{service="wallet"})',
      }),
    ],
    [
      log(
        'Errors of wallet-service',
        'And its warnings.',
        '{service="wallet",level=~"warn|error|fatal"}',
      ),
    ],
  ],
}
