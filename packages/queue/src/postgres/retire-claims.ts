/** The end of some claims, as a part of a WITH. Locks only what it removes. */
export function retiringClaims(schema: string, which: string): string {
  return `removed_claim as (delete from ${schema}.claim c where ${which})`
}
