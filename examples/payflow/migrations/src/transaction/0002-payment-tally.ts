import { createIndex } from '../sql/create-index.ts'

/*
 * payment_tally  how many payments were created and how many ended in which way, by the minute: a
 *                row for each event, which transaction-service folds into one a minute and, after a
 *                day, into one for all that is older. An event is a row of its own because a counter
 *                that is updated in place would be a lock that every payment queues for, held for
 *                as long as a frozen worker pleases.
 *
 * The triggers count whoever writes, in the writer's transaction: what was rolled back never counts.
 *
 * What stands still: whoever writes payments, from the beginning of the index to the COMMIT, for as
 * long as it takes to sort all payments once and then to read them once. Readers go on. Where that
 * is too long, build the index before, with nobody standing still: `create index concurrently
 * payments_created on public.payments (created_at)`. It is used as it is, and what is left is to
 * read all payments once.
 */
export const paymentTally = `
-- What was created lately, for whoever judges by it. First, while nothing else of this is locked.
${createIndex('payments_created', 'public.payments (created_at)')}

create table public.payment_tally (
  id bigint generated always as identity,
  minute timestamptz not null,
  event text not null,
  payments bigint not null,
  last_at timestamptz not null,
  constraint payment_tally_pkey primary key (id),
  constraint payment_tally_event_known
    check (event in ('created', 'completed', 'failed', 'reversed', 'repaired'))
);

create function public.tally_payment() returns trigger language plpgsql as $$
begin
  insert into public.payment_tally (minute, event, payments, last_at)
  values (date_trunc('minute', now()), case
    when tg_op = 'INSERT' then 'created'
    when new.resolved_by = 'reversal' and new.status = 'FAILED' then 'reversed'
    when new.resolved_by = 'reversal' then 'repaired'
    when new.status = 'FAILED' then 'failed'
    else 'completed'
  end, 1, now());
  return null;
end
$$;
create trigger payments_tally_created after insert on public.payments
  for each row execute function public.tally_payment();
create trigger payments_tally_settled after update of status on public.payments
  for each row when (old.status = 'PENDING' and new.status <> 'PENDING')
  execute function public.tally_payment();
-- The triggers' lock keeps writers out until this is committed: what is there now counts once.
insert into public.payment_tally (minute, event, payments, last_at)
select timestamptz '-infinity', 'created', count(*), max(created_at) from public.payments
having count(*) > 0
union all
select timestamptz '-infinity', case
    when resolved_by = 'reversal' and status = 'FAILED' then 'reversed'
    when resolved_by = 'reversal' then 'repaired'
    when status = 'FAILED' then 'failed'
    else 'completed'
  end, count(*), max(completed_at)
from public.payments where status <> 'PENDING' group by 2;
`
