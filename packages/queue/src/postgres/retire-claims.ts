/**
 * The end of some claims, as two parts of a WITH. Locks only what it removes. The newest claim stays,
 * emptied: who cancels under REPEATABLE READ compares its number with the sequence's.
 */
export function retiringClaims(schema: string, which: string): string {
  const newest = `(select max(id) from ${schema}.claim)`
  return `removed_claim as (
    delete from ${schema}.claim c where (${which}) and c.id < ${newest}
  ), emptied_claim as (
    update ${schema}.claim c set seqs = '{}'
    where (${which}) and c.id = ${newest} and c.seqs <> '{}'
  )`
}
