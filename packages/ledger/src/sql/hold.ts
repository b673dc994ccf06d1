import { definer } from './definer.ts'
import { lockPair } from './lock-pair.ts'
import { moved } from './moved.ts'
import { withinLimits } from './within-limits.ts'

/**
 * Reserves money on the debit account for the credit account.
 *
 * Both accounts are locked as for a transfer: a hold counts against the limits of both, so that a
 * capture can never be refused for one. Their two locks together guard the hold itself; nothing
 * else locks it. The clock is read after the locks: a wait does not make a hold shorter.
 */
export const holdFunction = (s: string): string => {
  const known = `${s}.known_hold(p_id, p_debit_id, p_credit_id, p_amount_minor, p_currency,
    p_code, p_metadata, p_expires_in_ms, v_now)`
  return `
create or replace function ${s}.hold(
  p_id uuid, p_debit_id uuid, p_credit_id uuid, p_amount_minor bigint, p_currency text,
  p_code text, p_metadata jsonb, p_expires_in_ms bigint, p_record_rejection boolean
) returns json language plpgsql volatile ${definer} as $fn$
declare
  v_debit ${s}.account;
  v_credit ${s}.account;
  v_hold ${s}.hold;
  v_refusal json;
  v_known json;
  v_now timestamptz;
  v_horizon timestamptz;
begin${lockPair(s, 'p_debit_id', 'p_credit_id', 'p_id')}
  v_now := greatest(clock_timestamp(), v_debit.expiry_horizon, v_credit.expiry_horizon);

  if ${withinLimits} is not true then
    v_horizon := v_now;
    v_refusal := ${s}.refusal(v_debit, v_credit, p_debit_id, p_credit_id, p_amount_minor,
      p_currency, null, null, v_now);
  end if;

  if v_refusal is null then
    insert into ${s}.hold (id, state, debit_id, debit_shard, credit_id, credit_shard,
      amount_minor, currency, code, metadata, expires_in_ms, expires_at)
    select p_id, 'open', p_debit_id, v_debit.shard, p_credit_id, v_credit.shard,
      p_amount_minor, p_currency, p_code, p_metadata, p_expires_in_ms, v_now + p_expires_in_ms * interval '1 millisecond'
    where not exists (select from ${s}.transfer where id = p_id)
    on conflict (id) do nothing
    returning * into v_hold;
    if found then
      update ${s}.account set
        ${moved('pending', '+', 'p_amount_minor', 'v_debit.id', 'v_credit.id')},
        expiry_horizon = greatest(expiry_horizon, v_horizon)
      where id in (v_debit.id, v_credit.id);
      if v_horizon is not null and (v_debit.limited or v_credit.limited) then
        perform ${s}.keep_horizon(p_debit_id, p_credit_id, v_horizon);
      end if;
      return json_build_object('outcome', 'created', 'hold', ${s}.hold_json(v_hold, v_now));
    end if;
  end if;

  v_known := ${known};
  if v_known is null and p_record_rejection and not ${s}.remember_rejection('hold', p_id,
    p_debit_id, p_credit_id, p_amount_minor, p_currency, p_code, p_metadata, null, p_expires_in_ms,
    v_refusal, v_now)
  then
    v_known := ${known};
  end if;
  return coalesce(v_known, v_refusal);
end
$fn$`
}
