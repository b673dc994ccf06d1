/*
 * A transfer as pgledger makes it: the function for one wraps its arguments into an array of one and
 * asks the function for many. The steps and their order are theirs, so that the same plans are made
 * and the same rows are locked, written and read; the statements are ours.
 *
 * Locks: each account with a statement of its own, in the order of their ids, before anything is
 * written, so two calls that share accounts wait for each other and never in a circle. The rows that
 * the foreign keys lock FOR KEY SHARE are already locked by then.
 */

const request = `
create type rebuilt.request as (from_account_id text, to_account_id text, amount numeric)`

const checkLimits = `
create function rebuilt.check_limits(p_account rebuilt.account) returns void
language plpgsql as $fn$
begin
  if not p_account.allow_negative_balance and (p_account.balance < 0) then
    raise exception 'Account % (%) must not fall below zero', p_account.id, p_account.name;
  end if;
  if not p_account.allow_positive_balance and (p_account.balance > 0) then
    raise exception 'Account % (%) must not rise above zero', p_account.id, p_account.name;
  end if;
end
$fn$`

const createTransfers = `
create function rebuilt.create_transfers(
  p_requests rebuilt.request[],
  p_event_at timestamptz default null,
  p_metadata jsonb default null
) returns setof rebuilt.transfer_view language plpgsql as $fn$
declare
  v_request rebuilt.request;
  v_account_id text;
  v_account_ids text[] := '{}';
  v_from rebuilt.account;
  v_to rebuilt.account;
  v_transfer_id text;
  v_transfer_ids text[] := '{}';
begin
  foreach v_request in array p_requests loop
    v_account_ids := array_append(v_account_ids, v_request.from_account_id);
    v_account_ids := array_append(v_account_ids, v_request.to_account_id);
  end loop;
  select array(select distinct id from unnest(v_account_ids) id order by id) into v_account_ids;
  foreach v_account_id in array v_account_ids loop
    perform a.id from rebuilt.account a where a.id = v_account_id for update;
  end loop;
  foreach v_request in array p_requests loop
    if v_request.amount <= 0 then
      raise exception 'An amount must be above zero, not %', v_request.amount;
    end if;
    if v_request.from_account_id = v_request.to_account_id then
      raise exception 'Account % cannot pay itself', v_request.from_account_id;
    end if;
    update rebuilt.account a
      set balance = a.balance - v_request.amount, version = a.version + 1, updated_at = now()
      where a.id = v_request.from_account_id returning a.* into v_from;
    perform rebuilt.check_limits(v_from);
    update rebuilt.account a
      set balance = a.balance + v_request.amount, version = a.version + 1, updated_at = now()
      where a.id = v_request.to_account_id returning a.* into v_to;
    perform rebuilt.check_limits(v_to);
    if v_from.currency <> v_to.currency then
      raise exception 'No transfer from % to %', v_from.currency, v_to.currency;
    end if;
    insert into rebuilt.transfer
        (from_account_id, to_account_id, amount, created_at, event_at, metadata)
      values (v_request.from_account_id, v_request.to_account_id, v_request.amount, now(),
        coalesce(p_event_at, now()), p_metadata)
      returning id into v_transfer_id;
    v_transfer_ids := array_append(v_transfer_ids, v_transfer_id);
    insert into rebuilt.entry (account_id, transfer_id, amount, account_previous_balance,
        account_current_balance, account_version, created_at)
      values (v_request.from_account_id, v_transfer_id, -v_request.amount,
        v_from.balance + v_request.amount, v_from.balance, v_from.version, now());
    insert into rebuilt.entry (account_id, transfer_id, amount, account_previous_balance,
        account_current_balance, account_version, created_at)
      values (v_request.to_account_id, v_transfer_id, v_request.amount,
        v_to.balance - v_request.amount, v_to.balance, v_to.version, now());
  end loop;
  return query select * from rebuilt.transfer_view where id = any (v_transfer_ids) order by id;
end
$fn$`

const createTransfer = `
create function rebuilt.create_transfer(
  p_from_account_id text,
  p_to_account_id text,
  p_amount numeric,
  p_event_at timestamptz default null,
  p_metadata jsonb default null
) returns setof rebuilt.transfer_view language plpgsql as $fn$
begin
  return query select * from rebuilt.create_transfers(
    p_requests => array[(p_from_account_id, p_to_account_id, p_amount)::rebuilt.request],
    p_event_at => p_event_at,
    p_metadata => p_metadata);
end
$fn$`

/** Creates `rebuilt.create_transfer` and what it calls, on the tables that are there. */
export const transferStatements: readonly string[] = [
  request,
  checkLimits,
  createTransfers,
  createTransfer,
]
