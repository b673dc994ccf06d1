import { createIndex } from '../sql/create-index.ts'
import { lockForIndexes } from '../sql/lock-for-indexes.ts'

/*
 * What lets auth-service forget. Rows of `audit_events` may be taken away once they are 90 days old,
 * and by nobody before that, the owner included; changing them stays forbidden for ever.
 *
 * The service's role may not delete there. It may call `purge_audit_events`, which runs with the
 * owner's rights and takes the oldest rows only. Not a job of the owner's: nobody logs in as the
 * owner, and a job that could would be one more secret that can do everything, always at hand. What
 * whoever has stolen the role can do with it is forget what is older than the floor, and no more.
 *
 * Times grow, so the new indexes are written at their right edge only.
 *
 * What stands still: whoever registers, logs in, renews a session or sets a password, for as long as
 * it takes to sort all events and all tokens once; after 2 s they are answered 503 and may try
 * again. Where that is too long, build the indexes before, `concurrently`, under these names.
 */
export const retention = `
${lockForIndexes('public.refresh_tokens', 'public.reset_tokens', 'public.audit_events')}
${createIndex('refresh_tokens_expired', 'public.refresh_tokens (expires_at)')}
${createIndex('reset_tokens_expired', 'public.reset_tokens (expires_at)')}
${createIndex('audit_events_oldest', 'public.audit_events (at)')}

create function public.refuse_audit_removal() returns trigger language plpgsql as $$
begin
  if old.at > now() - interval '90 days' then
    raise exception 'audit_events is append-only for 90 days'
      using errcode = 'insufficient_privilege';
  end if;
  return old;
end $$;
-- Not dropped first: that would wait for readers too, who may wait for this.
create or replace trigger audit_events_append_only before update or truncate
  on public.audit_events for each statement execute function public.refuse_audit_change();
create trigger audit_events_kept before delete
  on public.audit_events for each row execute function public.refuse_audit_removal();

create function public.purge_audit_events(kept interval, rows_max integer) returns integer
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  removed integer;
begin
  delete from public.audit_events where id in (
    select id from public.audit_events where at < now() - kept
    order by at limit rows_max
    -- Whoever comes second takes the next ones.
    for update skip locked
  );
  get diagnostics removed = row_count;
  return removed;
end $$;
revoke execute on function public.purge_audit_events(interval, integer) from public;
`
