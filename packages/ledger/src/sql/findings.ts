import { definer } from './definer.ts'

/** One comparison: rows of `from` are findings. All other fields are SQL expressions over them. */
export interface Check {
  readonly finding: string
  readonly subject: string
  readonly field: string
  readonly expected: string
  readonly actual: string
  readonly from: string
}

/** SQL of a CTE body: one row for each disagreement that any of the checks finds. */
export const findings = (checks: readonly Check[]): string =>
  checks
    .map(
      (c) => `select '${c.finding}' as finding, (${c.subject})::text as subject,
      (${c.field})::text as field, (${c.expected})::text as expected, (${c.actual})::text as actual
      from ${c.from}`,
    )
    .join('\n    union all ')

/** SQL of two members of the answer: the first findings of the CTE `finding`, and how many it has. */
export const listed = `'findings', (select coalesce(json_agg(f), '[]') from (
      select * from finding order by finding, subject, field, expected limit p_findings_max) f),
    'found', (select count(*)::text from finding)`

/**
 * Attributes of the functions that verify. Their plans are long and their batches short: compiling
 * them (JIT) took a second and a half where running them takes a third of one.
 */
export const verifier: string = `${definer} set jit = off`
