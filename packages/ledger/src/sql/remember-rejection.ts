/** SQL: a refusal as it is written down. */
export const rejection = (verb: string, refusal: string, expiresInMs: string): string =>
  `jsonb_build_object('verb', ${verb}, 'reason', ${refusal}->'reason',
      'detail', ${refusal}->'detail', 'expiresInMs', ${expiresInMs})`

/**
 * Writes a refusal down under the id of its request, for `onReject: 'record'`; false when the id was
 * taken meanwhile, by a call on other accounts. From then on the id answers `previously_rejected`,
 * whatever has become of the accounts. A row of the journal's table without money: it is in no
 * account's sequence. Needs no lock: the primary key decides.
 */
export const rememberRejectionFunction = (s: string): string => `
create or replace function ${s}.remember_rejection(
  p_verb text, p_id uuid, p_debit_id uuid, p_credit_id uuid, p_amount_minor bigint,
  p_currency text, p_code text, p_metadata jsonb, p_effective_at timestamptz,
  p_expires_in_ms bigint, p_refusal json, p_now timestamptz
) returns boolean language plpgsql volatile as $fn$
begin
  insert into ${s}.transfer (id, kind, debit_id, credit_id, amount_minor, currency, code, metadata,
    effective_at, rejection, created_at)
  select p_id, 'rejection', p_debit_id, p_credit_id, p_amount_minor, p_currency, p_code, p_metadata,
    p_effective_at,
    ${rejection('p_verb', 'p_refusal', 'p_expires_in_ms')},
    p_now
  where not exists (select from ${s}.hold where id = p_id)
  on conflict (id) do nothing;
  return found;
end
$fn$`
