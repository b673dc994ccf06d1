import { definer } from './definer.ts'

/**
 * A page of an account's statement over a period of recorded time, `p_from` inclusive, `p_to`
 * exclusive; with the first page the sums of the period. STABLE: one snapshot. No lock.
 *
 * Opening and closing are found by binary search. Debits and credits of the period are added up row
 * by row, which is why they come once and not with every page.
 */
export const accountStatementFunction = (s: string): string => `
create or replace function ${s}.account_statement(
  p_account_id uuid, p_from timestamptz, p_to timestamptz, p_after bigint, p_limit integer
) returns json language plpgsql stable ${definer} as $fn$
begin
  return (
    select json_build_object('accountId', a.id, 'currency', a.currency, 'exponent', c.exponent,
      'kind', a.kind, 'normalSide', case when a.debit_normal then 'debit' else 'credit' end,
      'page', ${s}.lines(a.id, p_from, p_to, p_after, p_limit, false),
      'period', case when p_after is null then (${period(s)}) end)
    from ${s}.account a
    join ${s}.currency c on c.code = a.currency
    where a.id = p_account_id and a.part_of is null);
end
$fn$`

const period = (s: string): string => `
        with bound as materialized (
          select c.shard,
            ${s}.rows_before(p_account_id, c.shard, c.seq, p_from, false) as low,
            ${s}.rows_before(p_account_id, c.shard, c.seq, p_to, false) as high
          from ${s}.chains(p_account_id) c)
        select json_build_object(
          'opening', coalesce(sum(${s}.balance_after(p_account_id, b.shard, b.low)), 0)::text,
          'closing', coalesce(sum(${s}.balance_after(p_account_id, b.shard, b.high)), 0)::text,
          'lines', coalesce(sum(b.high - b.low), 0)::text,
          'debits', coalesce(sum(d.amount), 0)::text, 'credits', coalesce(sum(k.amount), 0)::text)
        from bound b
        cross join lateral (${amount(s, 'debit')}) d
        cross join lateral (${amount(s, 'credit')}) k`

const amount = (s: string, side: 'debit' | 'credit'): string => `
          select sum(t.amount_minor) as amount from ${s}.transfer t
          where t.${side}_id = p_account_id and t.${side}_shard = b.shard
            and t.${side}_seq > b.low and t.${side}_seq <= b.high`
