import { definer } from './definer.ts'

/** A page of an account's history. A read: no lock, one snapshot. */
export const accountChangesFunction = (s: string): string => `
create or replace function ${s}.account_changes(p_id uuid, p_after integer, p_limit integer)
returns json language sql stable ${definer} as $fn$
  select coalesce(json_agg(json_build_object('no', c.no, 'change', c.change,
    'floorMinor', c.floor_minor::text, 'ceilingMinor', c.ceiling_minor::text,
    'frozen', json_build_object('debits', c.debits_blocked, 'credits', c.credits_blocked),
    'closed', c.closed, 'reason', c.reason, 'createdAt', c.created_at) order by c.no), '[]')
  from (select * from ${s}.account_change where account_id = p_id and no > p_after
    order by no limit p_limit) c
$fn$`
