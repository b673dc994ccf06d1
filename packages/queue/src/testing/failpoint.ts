import type { Probe } from '../options.ts'

/** Names the point at which a worker started by the kit kills itself. */
export const CRASH_AT = 'PAYFLOW_QUEUE_CRASH_AT'

/** Points a bus passes with every message, in this order, by what the worker does. */
export const failpoints = {
  /** A handler that works in the transaction. */
  oneStep: ['consumer.received', 'consumer.recorded', 'consumer.committed', 'consumer.acked'],
  /** A handler that decides before the transaction. */
  twoStep: [
    'consumer.received',
    'consumer.decided',
    'consumer.recorded',
    'consumer.committed',
    'consumer.acked',
  ],
  /** A relay. */
  relay: ['relay.claimed', 'relay.confirmed', 'relay.marked'],
} as const

/**
 * For the option `probe` of `createBus`, in a worker that {@link crashAt} starts: at the point the kit
 * names, the process kills itself with SIGKILL, so that nothing after it runs, no handler of signals
 * and no flush of sockets. Elsewhere it does nothing, and costs a comparison.
 *
 * Call it at points of your own as well: `await crash('label.bought')` in a handler.
 */
export function failpoint(): Probe {
  const point = process.env[CRASH_AT]
  if (point === undefined || point === '') return () => {}
  return (name) => {
    if (name === point) process.kill(process.pid, 'SIGKILL')
  }
}
