/**
 * The account that a part with limits belongs to, as the limits see it: the counters of all its
 * parts added up, with the floor and the ceiling of the head. Takes no lock: the caller holds all
 * parts (`lock_shard`), and every change of the limits is made under the locks of all parts.
 *
 * A sum beyond bigint is shown as its largest value: no amount fits beside it (`overflow`).
 */
export const wholeFunction = (s: string): string => `
create or replace function ${s}.whole(p_part ${s}.account)
returns ${s}.account language plpgsql stable as $fn$
declare
  v_account ${s}.account;
begin
  select * into strict v_account from ${s}.account where id = p_part.part_of;
  select least(sum(posted_debits_minor), 9223372036854775807),
      least(sum(posted_credits_minor), 9223372036854775807),
      least(sum(pending_debits_minor), 9223372036854775807),
      least(sum(pending_credits_minor), 9223372036854775807)
    into strict v_account.posted_debits_minor, v_account.posted_credits_minor,
      v_account.pending_debits_minor, v_account.pending_credits_minor
    from ${s}.account where part_of = p_part.part_of;
  return v_account;
end
$fn$`
