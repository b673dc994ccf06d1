import { definer } from './definer.ts'

/**
 * Locks every row of the accounts named, until the transaction ends, and answers the ids that name
 * none.
 *
 * Why this order: it is that of every other call (rows of accounts by id, then the parts of sharded
 * accounts by account and number), and all locks are taken in one pass before any is needed. So
 * transactions that begin with this call queue for each other, whatever they do afterwards; calls
 * that follow find their locks already held. The head rows of sharded accounts are among the first,
 * because a change of the account itself takes them.
 */
export const lockAccountsFunction = (s: string): string => `
create or replace function ${s}.lock_accounts(p_ids uuid[])
returns json language plpgsql volatile ${definer} as $fn$
begin
  perform from ${s}.account where id = any (p_ids) and shard = 0
    order by id for no key update;
  perform from ${s}.account where part_of = any (p_ids)
    order by part_of, shard for no key update;
  return json_build_object('notFound', coalesce((
    select json_agg(distinct p.id) from unnest(p_ids) p (id)
    where not exists (select from ${s}.account a where a.id = p.id and a.shard = 0)), '[]'));
end
$fn$`
