import { PAYMENT_FLOWS, paymentFlow } from '@payflow-app/contracts'
import { Counter, Gauge, type Registry } from 'prom-client'
import type { Flow } from './sql/read-flow.ts'

type Values = Iterable<readonly [labels: Record<string, string>, value: number]>

/** A number that {@link Flow} has, as a metric. */
interface FlowMetric {
  readonly name: string
  readonly help: string
  readonly labelNames?: readonly string[]
  readonly values: (flow: Flow) => Values
}

const counters: readonly FlowMetric[] = [
  {
    name: 'payflow_payments_created_total',
    help: 'Payments that were accepted',
    values: ({ totals }) => one(totals.created),
  },
  {
    name: 'payflow_payments_completed_total',
    help: 'Payments that are COMPLETED, whoever wrote it down',
    values: ({ totals }) => one(totals.completed + totals.repaired),
  },
  {
    name: 'payflow_payments_failed_total',
    help: 'Payments that are FAILED, whoever wrote it down',
    values: ({ totals }) => one(totals.failed + totals.reversed),
  },
  {
    name: 'payflow_reversals_total',
    help: 'Payments that the reversal job ended: given up, or found completed',
    labelNames: ['outcome'],
    values: ({ totals }) => [
      [{ outcome: 'reversed' }, totals.reversed],
      [{ outcome: 'completed' }, totals.repaired],
    ],
  },
]

const gauges: readonly FlowMetric[] = [
  {
    name: 'payflow_payments_pending',
    help: 'Payments that are PENDING',
    values: ({ pending }) => one(pending),
  },
  {
    name: 'payflow_oldest_pending_seconds',
    help: 'Age of the oldest PENDING payment, or 0',
    values: ({ oldestPendingMs }) => one(oldestPendingMs / 1_000),
  },
  {
    name: 'payflow_payment_flow',
    help: '1 for the state that payments as a whole are in, else 0',
    labelNames: ['state'],
    values: (flow) => {
      const current = paymentFlow(flow)
      return PAYMENT_FLOWS.map((state) => [{ state }, state === current ? 1 : 0] as const)
    },
  },
  {
    name: 'payflow_reversal_last_run_timestamp_seconds',
    help: 'When a run of the reversal job last came to its end, in Unix time',
    values: ({ reversalRunAtS }) => one(reversalRunAtS),
  },
  {
    name: 'payflow_reversal_last_success_timestamp_seconds',
    help: 'When the reversal job last ended all that was stale, in Unix time',
    values: ({ reversalSuccessAtS }) => one(reversalSuccessAtS),
  },
]

/**
 * Exports how payments are doing from the database, at each scrape: right for all replicas, after
 * every restart, and for a job that nobody could scrape because it is gone when it has run.
 *
 * All of it is read at once, so that the numbers of one scrape belong together.
 */
export function registerFlowMetrics(registry: Registry, read: () => Promise<Flow>): void {
  const registers = [registry]
  for (const metric of counters) {
    new Counter({
      ...describe(metric),
      registers,
      async collect() {
        await replace(this, metric, read, (labels, value) => this.inc(labels, value))
      },
    })
  }
  for (const metric of gauges) {
    new Gauge({
      ...describe(metric),
      registers,
      async collect() {
        await replace(this, metric, read, (labels, value) => this.set(labels, value))
      },
    })
  }
}

const describe = ({ name, help, labelNames = [] }: FlowMetric) => ({
  name,
  help,
  labelNames: [...labelNames],
})

/** Puts the values of now in the place of the last scrape's. */
async function replace(
  metric: { reset(): void; remove(): void },
  { labelNames = [], values }: FlowMetric,
  read: () => Promise<Flow>,
  put: (labels: Record<string, string>, value: number) => void,
): Promise<void> {
  const flow = await read().catch(() => undefined)
  clear(metric, labelNames)
  for (const [labels, value] of valuesOf(flow, values)) put(labels, value)
}

/** Takes the values of the last scrape away. Without labels a reset leaves a 0 behind. */
function clear(metric: { reset(): void; remove(): void }, labelNames: readonly string[]): void {
  metric.reset()
  if (labelNames.length === 0) metric.remove()
}

/** No value at all while it can't be read: an old one would look like news. */
function valuesOf(flow: Flow | undefined, values: FlowMetric['values']): Values {
  return flow === undefined ? [] : values(flow)
}

/** The value of a metric without labels; what has never been has none. */
const one = (value: number | null): Values => (value === null ? [] : [[{}, value]])
