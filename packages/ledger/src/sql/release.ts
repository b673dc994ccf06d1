import { definer } from './definer.ts'
import { lockHold } from './lock-pair.ts'

/**
 * Makes sure that an id never posts, or says that it has.
 *
 * A known hold: its accounts are locked as in `capture`, which is what makes the two exclude each
 * other. An id never seen, or of a refusal that was written down: a tombstone row in both tables an id can arrive in; their primary keys
 * make a hold or transfer of that id which is in flight wait for us, or us for it. If a hold wins
 * that race, the block's savepoint takes our journal tombstone back and the second round finds the
 * hold.
 */
export const releaseFunction = (s: string): string => `
create or replace function ${s}.release(p_hold_id uuid)
returns json language plpgsql volatile ${definer} as $fn$
declare
  v_debit ${s}.account;
  v_credit ${s}.account;
  v_hold ${s}.hold;
  v_transfer ${s}.transfer;
  v_now timestamptz;
begin
  for v_round in 1..2 loop
    select * into v_hold from ${s}.hold where id = p_hold_id;
    exit when found;
    begin
      insert into ${s}.transfer (id, kind) values (p_hold_id, 'tombstone')
        on conflict (id) do nothing;
      if not found then
        select * into strict v_transfer from ${s}.transfer where id = p_hold_id;
        if v_transfer.kind not in ('tombstone', 'rejection') then
          return json_build_object('outcome', 'rejected', 'reason', 'already_captured',
            'transfer', ${s}.transfer_json(v_transfer));
        end if;
      end if;
      insert into ${s}.hold (id, state, tombstone, settled_at)
        values (p_hold_id, 'released', true, clock_timestamp()) on conflict (id) do nothing;
      if found then
        return json_build_object('outcome', 'created', 'state', 'released', 'hold', null);
      end if;
      raise exception 'a hold arrived' using errcode = 'LG001';
    exception when sqlstate 'LG001' then
      null;
    end;
  end loop;
  if v_hold.id is null then
    raise exception 'release of % found neither hold nor tombstone', p_hold_id;
  elsif v_hold.tombstone then
    return json_build_object('outcome', 'replayed', 'state', 'released', 'hold', null);
  end if;
${lockHold(s)}
  select * into v_hold from ${s}.hold where id = p_hold_id;
  v_now := greatest(clock_timestamp(), v_debit.expiry_horizon, v_credit.expiry_horizon);
  if v_hold.state = 'captured' then
    select * into strict v_transfer from ${s}.transfer where hold_id = p_hold_id
      order by debit_seq desc limit 1;
    return json_build_object('outcome', 'rejected', 'reason', 'already_captured',
      'transfer', ${s}.transfer_json(v_transfer),
      'detail', json_build_object('hold', ${s}.hold_json(v_hold, v_now)));
  elsif v_hold.state = 'open' then
    v_hold := ${s}.settle_hold(v_hold, 'released', v_now);
    return json_build_object('outcome', 'created', 'state', 'released',
      'hold', ${s}.hold_json(v_hold, v_now));
  end if;
  return json_build_object('outcome', 'replayed', 'state', 'released',
    'hold', ${s}.hold_json(v_hold, v_now));
end
$fn$`
