/*
 * Lets an operator find a payment by its Idempotency-Key alone. The primary key begins with the
 * user, whom whoever asks may not know.
 *
 * What stands still: whoever asks for a payment, for as long as it takes to sort all claims once.
 * Where that is too long, build it before: `create index concurrently payment_claims_of_key on
 * public.payment_claims (key)`. It is used as it is.
 */
export const claimsByKey = `
create index if not exists payment_claims_of_key on public.payment_claims (key);
`
