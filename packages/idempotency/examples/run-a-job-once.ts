/*
 * The same rules for work that is no HTTP request. Prints what happened to two deliveries of one
 * job.
 */
// #region main
import { createIdempotency, presets } from '@payflow/idempotency'
import { memoryStore } from '@payflow/idempotency/memory'

interface Job {
  readonly merchant: string
  readonly payoutId: string
  readonly amountMinor: number
}

const idempotency = createIdempotency({
  store: memoryStore(), // redisStore({ client }) outside of tests
  scope: (job: Job) => job.merchant,
  ...presets.payments,
  commitPoint: 'explicit',
})

async function payOut(job: Job): Promise<string> {
  const operation = { name: 'payout', key: job.payoutId, request: job, payload: job.amountMinor }
  const result = await idempotency.execute(operation, async (context) => {
    // Until here a crash is harmless: the next delivery executes.
    await context.commitPoint()
    // From here it is not: the outcome would be indeterminate, and nothing is paid a second time.
    return { reference: `bank-${job.payoutId}`, sentAs: context.deriveKey('bank') }
  })
  return result.outcome
}

const job = { merchant: 'm1', payoutId: 'p1', amountMinor: 5000 }
console.log(await payOut(job), await payOut(job)) // executed replayed
console.log(await payOut({ ...job, amountMinor: 9000 })) // mismatch
// #endregion main
