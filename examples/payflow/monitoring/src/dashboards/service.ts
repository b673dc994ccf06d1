import { figure, graph, log, type Dashboard } from './panel.ts'

const of = 'service="$service"'

/** One process: what it is asked, what it uses, what it says. */
export const serviceDashboard: Dashboard = {
  uid: 'payflow-service',
  title: 'PayFlow: service',
  description: 'One process: what it is asked, what it uses, what it says.',
  serviceOf: 'process_start_time_seconds',
  rows: [
    [
      figure(
        'Processes',
        'How many of its kind answer.',
        `count(process_start_time_seconds{${of}})`,
      ),
      figure(
        'Requests that fail',
        'Answered with a 5xx.',
        `(sum(rate(http_request_duration_seconds_count{${of},status_code=~"5.."}[5m])) or vector(0)) / sum(rate(http_request_duration_seconds_count{${of}}[5m]))`,
        {
          unit: 'percentunit',
          steps: [
            { from: 0.01, colour: 'yellow' },
            { from: 0.05, colour: 'red' },
          ],
        },
      ),
      figure(
        'Lag of the event loop, 99 %',
        'More than 0.1 s: it stands still now and then.',
        `max(nodejs_eventloop_lag_p99_seconds{${of}})`,
        {
          unit: 's',
          steps: [
            { from: 0.1, colour: 'yellow' },
            { from: 0.5, colour: 'red' },
          ],
        },
      ),
      figure(
        'Started',
        'How long ago the youngest was.',
        `time() - max(process_start_time_seconds{${of}})`,
        { unit: 's' },
      ),
    ],
    [
      graph('Requests', 'By route and status.', 'reqps', {
        '{{method}} {{route}} {{status_code}}': `sum by (method, route, status_code) (rate(http_request_duration_seconds_count{${of}}[$__rate_interval]))`,
      }),
      graph('How long they take, 99 %', 'By route.', 's', {
        '{{method}} {{route}}': `histogram_quantile(0.99, sum by (le, method, route) (rate(http_request_duration_seconds_bucket{${of}}[$__rate_interval])))`,
      }),
    ],
    [
      graph('CPU', '1 is a whole core.', 'short', {
        '{{instance}}': `sum by (instance) (rate(process_cpu_seconds_total{${of}}[$__rate_interval]))`,
      }),
      graph('Memory', 'Of the process, and of its heap.', 'bytes', {
        '{{instance}}': `max by (instance) (process_resident_memory_bytes{${of}})`,
        '{{instance}} heap': `max by (instance) (nodejs_heap_size_used_bytes{${of}})`,
      }),
    ],
    [
      graph('Connections to the database', 'None where it has no database.', 'short', {
        '{{state}}': `sum by (state) (payflow_database_connections{${of}})`,
        'at most': `sum(payflow_database_connections_max{${of}})`,
      }),
      graph('Statements that wait for one', 'Should be none.', 'short', {
        waiting: `sum(payflow_database_waiting_statements{${of}})`,
      }),
    ],
    [log('Log', 'Everything but probes, which are not logged.', `{${of}}`)],
  ],
}
