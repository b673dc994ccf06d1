import { createIndex } from '../sql/create-index.ts'
import { lockForIndexes } from '../sql/lock-for-indexes.ts'

/*
 * Lets an operator find a payment by its Idempotency-Key alone. The primary key begins with the
 * user, whom whoever asks may not know.
 *
 * What stands still: whoever asks for a payment, for as long as it takes to sort all claims once;
 * after 2 s they are answered 503 and may try again under the same key. Where that is too long,
 * build it before: `create index concurrently payment_claims_of_key on public.payment_claims (key)`.
 * It is used as it is.
 */
export const claimsByKey = `
${lockForIndexes('public.payment_claims')}
${createIndex('payment_claims_of_key', 'public.payment_claims (key)')}
`
