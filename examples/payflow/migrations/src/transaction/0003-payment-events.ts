/*
 * payment_events  what happened to each payment, one row an event, for ever: accepted, dispatched,
 *                 and how it ended. Whoever follows a payment reads on from the last id it has seen.
 *
 * Triggers write it, in the writer's transaction, whoever the writer is: no statement can forget an
 * event, and none that was rolled back leaves one. They run with the owner's rights, so that no
 * service needs a right to write here, and none has one.
 *
 * Why reading on by id loses nothing although ids are given out before they are visible: all events
 * of one payment are written by whoever holds the lock on the payment's row, or has inserted it and
 * not yet committed. The next one gets its id after that commit. So within a payment ids become
 * visible in their order, and a reader has to remember the last id of each payment, not the last id
 * of all: between payments a smaller id may well become visible later.
 *
 * No foreign key: nothing but the trigger writes a row, and a key would lock the payment once more.
 *
 * `at` is what the payment's own row says, so that the two never differ. It is the time at which a
 * transaction began; the order of events is that of their ids.
 *
 * What stands still: whoever writes payments, until all payments have been read and up to three
 * events of each written. Readers go on.
 */
export const paymentEvents = `
create table public.payment_events (
  id bigint generated always as identity,
  payment_id uuid not null,
  type text not null,
  at timestamptz not null,
  data jsonb not null default '{}',
  constraint payment_events_pkey primary key (id),
  constraint payment_events_once unique (payment_id, type),
  constraint payment_events_type_known
    check (type in ('accepted', 'dispatched', 'completed', 'failed', 'reversed'))
);
create unique index payment_events_one_end on public.payment_events (payment_id)
  where type in ('completed', 'failed', 'reversed');

create function public.payment_end(status text, resolved_by text) returns text
language sql immutable as $$
  select case when status = 'COMPLETED' then 'completed'
    when resolved_by = 'reversal' then 'reversed' else 'failed' end
$$;

create function public.record_payment_event() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  if tg_op = 'INSERT' then
    insert into public.payment_events (payment_id, type, at)
    values (new.id, 'accepted', new.created_at);
  end if;
  -- OLD is null in an INSERT.
  if old.dispatched_at is null and new.dispatched_at is not null then
    insert into public.payment_events (payment_id, type, at)
    values (new.id, 'dispatched', new.dispatched_at);
  end if;
  if coalesce(old.status, 'PENDING') = 'PENDING' and new.status <> 'PENDING' then
    insert into public.payment_events (payment_id, type, at, data)
    values (new.id, public.payment_end(new.status, new.resolved_by), new.completed_at,
      jsonb_strip_nulls(jsonb_build_object(
        'resolvedBy', new.resolved_by, 'failureCode', new.failure_code)));
  end if;
  return null;
end
$$;
create trigger payments_events_accepted after insert on public.payments
  for each row execute function public.record_payment_event();
create trigger payments_events_changed after update of status, dispatched_at on public.payments
  for each row when (old.status is distinct from new.status
    or old.dispatched_at is distinct from new.dispatched_at)
  execute function public.record_payment_event();

-- The triggers' lock keeps writers out until this is committed: each payment that is there has its
-- events once.
insert into public.payment_events (payment_id, type, at, data)
select payments.id, event.type, event.at, event.data
from public.payments, lateral (values
    (0, 'accepted', created_at, jsonb '{}'),
    (1, 'dispatched', dispatched_at, '{}'),
    (1, public.payment_end(status, resolved_by), completed_at, jsonb_strip_nulls(
      jsonb_build_object('resolvedBy', resolved_by, 'failureCode', failure_code)))
  ) as event (place, type, at, data)
where event.at is not null
order by payments.created_at, payments.id, event.place, event.at;

create function public.refuse_change_of_events() returns trigger language plpgsql as $$
begin
  raise exception 'payment_events is only ever added to' using errcode = 'restrict_violation';
end
$$;
-- For whoever has the right to, the owner for one: what has happened stays what it was.
create trigger payment_events_append_only
  before update or delete or truncate on public.payment_events
  for each statement execute function public.refuse_change_of_events();
`
