/**
 * Leaves the instant of a decision behind on all parts of the two accounts that have limits, where
 * it counted a hold as expired that nothing has settled: `expiry_horizon` as every exact account
 * has it by the update of its one row. The caller holds the locks of all those parts.
 */
export const keepHorizonFunction = (s: string): string => `
create or replace function ${s}.keep_horizon(
  p_debit_id uuid, p_credit_id uuid, p_horizon timestamptz
) returns void language sql volatile as $fn$
  update ${s}.account a set expiry_horizon = greatest(a.expiry_horizon, p_horizon)
  where a.part_of in (p_debit_id, p_credit_id) and a.limited and (
    exists (select from ${s}.hold h
      where h.debit_id = a.part_of and h.state = 'open' and h.expires_at <= p_horizon)
    or exists (select from ${s}.hold h
      where h.credit_id = a.part_of and h.state = 'open' and h.expires_at <= p_horizon))
$fn$`
