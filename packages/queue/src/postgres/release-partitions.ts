import type { Query } from './query.ts'

/* Locks our own lease rows for the length of the statement. */
const release = (schema: string): string => `
  update ${schema}.partition
  set owner = null, leased_until = '-infinity'
  where owner = $1`

/** Gives the leases back so that another relay need not wait them out. */
export async function releasePartitions(
  query: Query,
  schema: string,
  owner: string,
): Promise<void> {
  await query(release(schema), [owner])
}
