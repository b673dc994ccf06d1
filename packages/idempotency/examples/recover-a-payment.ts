/*
 * A payment whose answer is lost, and what the next request with its key finds out. Prints the fault,
 * and then the answer.
 */
// #region main
import { createIdempotency, presets } from '@payflow/idempotency'
import type { RecoverFunction } from '@payflow/idempotency'
import { memoryStore } from '@payflow/idempotency/memory'

interface Order {
  readonly merchant: string
  readonly id: string
  readonly amountMinor: number
}

/** Stands for a payment provider that is given a key, and can be asked by it. */
const provider = new Map<string, string>()

const recover: RecoverFunction<Order> = ({ deriveKey }) => {
  const reference = provider.get(deriveKey('charge'))
  // Not found is not "has not happened": the call may still be on its way.
  if (reference === undefined) return { outcome: 'indeterminate' }
  return { outcome: 'store', value: reference }
}

const idempotency = createIdempotency({
  store: memoryStore(), // redisStore({ client }) outside of tests
  scope: (order: Order) => order.merchant,
  ...presets.payments,
  onIndeterminate: recover,
})

async function charge(order: Order): Promise<unknown> {
  const operation = { name: 'charge', key: order.id, request: order, payload: order.amountMinor }
  return idempotency.execute(operation, async (context) => {
    // Done once: a later attempt gets the recorded result.
    const hold = await context.step('hold', () => ({ amountMinor: order.amountMinor }))
    provider.set(context.deriveKey('charge'), `${order.id} ${hold.amountMinor}`)
    throw new Error('the connection was lost, and with it the answer of the provider')
  })
}

const order = { merchant: 'm1', id: 'o1', amountMinor: 500 }
await charge(order).catch((error: Error) => console.log(error.message))
console.log(await charge(order)) // replayed: paid once, and its reference is found
// #endregion main
