/**
 * Lines of an account's history between two instants, in pages: `{ opening, lines }` as JSON, where
 * `opening` is the balance before the first line (newest first: after it).
 *
 * The order is that of the places, never of a clock. A sharded account has a sequence for each of
 * its parts; they are merged by recorded time, which does not run back along any of them, then by
 * the number of the part. The position of a line is part * 2^48 + place, of an exact account its
 * place; it is both what a caller sees as \`seq\` and where the next page begins.
 *
 * One snapshot, no lock. Each chain gives at most p_limit rows from two index ranges; where they
 * begin and end is found by \`rows_before\`. The cost of a page does not grow with the journal.
 */
export const linesFunction = (s: string): string => `
create or replace function ${s}.lines(
  p_account_id uuid, p_from timestamptz, p_to timestamptz, p_after bigint, p_limit integer,
  p_newest_first boolean
) returns json language plpgsql stable as $fn$
declare
  v_debit_normal boolean;
  v_after_shard smallint := p_after >> 48;
  v_after_seq bigint := p_after & ((1::bigint << 48) - 1);
  v_after_at timestamptz;
begin
  select debit_normal into v_debit_normal from ${s}.account
    where id = p_account_id and part_of is null;
  if v_after_shard > 0 then
    v_after_at := coalesce(
      (select created_at from ${s}.transfer where debit_id = p_account_id
        and debit_shard = v_after_shard and debit_seq = v_after_seq),
      (select created_at from ${s}.transfer where credit_id = p_account_id
        and credit_shard = v_after_shard and credit_seq = v_after_seq));
    if v_after_at is null then
      raise exception 'account % has no line at position %', p_account_id, p_after;
    end if;
  end if;
  if p_newest_first then
    return (${page(s, true)});
  end if;
  return (${page(s, false)});
end
$fn$`

// Rows of chain `c` before the line at `p_after`; null without one, which greatest and least skip.
const before = (s: string): string => `case when c.shard = v_after_shard then v_after_seq - 1
      else ${s}.rows_before(p_account_id, c.shard, c.seq, v_after_at, c.shard < v_after_shard) end`

const page = (s: string, newest: boolean): string => {
  const direction = newest ? 'desc' : 'asc'
  const from = `coalesce(${s}.rows_before(p_account_id, c.shard, c.seq, p_from, false), 0)`
  const to = `coalesce(${s}.rows_before(p_account_id, c.shard, c.seq, p_to, false), c.seq)`
  return `
  with bound as materialized (
    select c.shard,
      ${newest ? from : `greatest(${from}, ${before(s)} + (c.shard = v_after_shard)::integer)`} as low,
      ${newest ? `least(${to}, ${before(s)})` : to} as high
    from ${s}.chains(p_account_id) c),
  opening as materialized (
    select coalesce(sum(${s}.balance_after(p_account_id, shard, ${newest ? 'high' : 'low'})), 0)
      as balance from bound),
  line as (
    select l.*, case when l.shard > 0 then l.created_at end as merged_by
    from bound b
    cross join lateral (
      (${side(s, 'debit', direction)})
      union all
      (${side(s, 'credit', direction)})) l
    order by merged_by ${direction}, shard ${direction}, seq ${direction} limit p_limit),
  balanced as (
    -- An exact account's row says what it left; for parts it is added up in the order shown.
    select line.*, row_number() over shown as no, case when shard = 0 then balance
      else (select balance from opening) ${newest ? '-' : '+'} coalesce(sum(
        case when (side = 'debit') = v_debit_normal then amount_minor else -amount_minor end)
        over (shown rows between unbounded preceding and ${newest ? '1 preceding' : 'current row'}),
        0) end as balance_minor
    from line
    window shown as (order by merged_by ${direction}, shard ${direction}, seq ${direction}))
  select json_build_object('opening', (select balance::text from opening),
    'lines', coalesce(json_agg(${lineJson} order by e.no), '[]')) from balanced e`
}

const side = (s: string, name: 'debit' | 'credit', direction: string): string => `
        select t.${name}_shard as shard, t.${name}_seq as seq, '${name}' as side,
          t.${name}_balance_minor as balance, t.${name === 'debit' ? 'credit' : 'debit'}_id as other_id,
          t.*
        from ${s}.transfer t
        where t.${name}_id = p_account_id and t.${name}_shard = b.shard
          and t.${name}_seq > b.low and t.${name}_seq <= b.high
        order by t.${name}_seq ${direction} limit p_limit`

const lineJson = `json_build_object(
    'seq', ((e.shard::bigint << 48) | e.seq)::text, 'side', e.side,
    'amountMinor', e.amount_minor::text, 'balanceMinor', e.balance_minor::text,
    'counterpartAccountId', e.other_id, 'transferId', e.id, 'kind', e.kind,
    'holdId', e.hold_id, 'reversesId', e.reverses_id, 'journalId', e.journal_id,
    'currency', e.currency, 'code', e.code, 'metadata', e.metadata,
    'effectiveAt', coalesce(e.effective_at, e.created_at), 'createdAt', e.created_at)`
