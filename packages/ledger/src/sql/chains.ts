/**
 * What an account's history is made of: one chain of journal rows, or one for each part of a
 * sharded account. A chain's places are 1, 2, 3 … without gaps, and recorded time never runs back
 * along it. So "how many rows by that time" is a binary search, and the balance then is stored in
 * the row: both cost the same after ten rows and after ten million.
 */
export const chainFunctions = (s: string): readonly string[] => [
  chains(s),
  rowsBefore(s),
  balanceAfter(s),
]

const chains = (s: string): string => `
create or replace function ${s}.chains(p_account_id uuid)
returns table (shard smallint, seq bigint) language sql stable as $fn$
  select a.shard, a.seq from ${s}.account a
    where a.id = p_account_id and a.part_of is null and a.shards = 0
  union all
  select a.shard, a.seq from ${s}.account a where a.part_of = p_account_id
$fn$`

// Looks at log2(seq) rows; at one when all are earlier. Null for no time.
const rowsBefore = (s: string): string => `
create or replace function ${s}.rows_before(
  p_account_id uuid, p_shard smallint, p_seq bigint, p_time timestamptz, p_inclusive boolean
) returns bigint language plpgsql stable strict as $fn$
declare
  v_low bigint := 0; -- all rows up to here are earlier
  v_high bigint := p_seq; -- none after here is
  v_probe bigint := p_seq;
  v_at timestamptz;
begin
  while v_low < v_high loop
    v_at := (select t.created_at from ${s}.transfer t where t.debit_id = p_account_id
      and t.debit_shard = p_shard and t.debit_seq = v_probe);
    if v_at is null then
      v_at := (select t.created_at from ${s}.transfer t where t.credit_id = p_account_id
        and t.credit_shard = p_shard and t.credit_seq = v_probe);
    end if;
    if v_at is null then
      raise exception 'account % has no row at place %: verify the ledger', p_account_id, v_probe;
    elsif v_at < p_time or (p_inclusive and v_at = p_time) then
      v_low := v_probe;
    else
      v_high := v_probe - 1;
    end if;
    v_probe := v_low + (v_high - v_low + 1) / 2;
  end loop;
  return v_low;
end
$fn$`

const balanceAfter = (s: string): string => `
create or replace function ${s}.balance_after(p_account_id uuid, p_shard smallint, p_seq bigint)
returns bigint language sql stable as $fn$
  select case when p_seq = 0 then 0 else coalesce(
    (select t.debit_balance_minor from ${s}.transfer t where t.debit_id = p_account_id
      and t.debit_shard = p_shard and t.debit_seq = p_seq),
    (select t.credit_balance_minor from ${s}.transfer t where t.credit_id = p_account_id
      and t.credit_shard = p_shard and t.credit_seq = p_seq)) end
$fn$`
