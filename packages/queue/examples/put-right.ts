import type { Bus, RedriveResult } from '@payflow/queue'

/** What a person does about parked orders, once what was wrong with them is put right. */
export async function putRight(bus: Bus): Promise<RedriveResult> {
  // #region main
  const parked = bus.parked('stock') // of the work queue `stock`
  const { messages } = await parked.list({ where: { reason: 'unknown-sku' } })
  for (const { id, reason, error, parkedAt } of messages) console.log(parkedAt, id, reason, error)

  const result = await parked.redrive({
    where: { reason: 'unknown-sku', type: 'orders.paid' },
    reason: 'the missing goods were added',
    actor: 'ada',
  })
  console.log(result.outcome, result.moved) // done 1
  // #endregion main
  return result
}
