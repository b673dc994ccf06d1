/**
 * How rows become the JSON that the verbs answer. Every bigint is text: a JSON number beyond 2^53
 * would lose digits on its way through JSON.parse.
 */
export function answers(s: string): readonly string[] {
  return [
    rejected(s),
    rejectionJson(s),
    transferJson(s),
    journalJson(s),
    holdJson(s),
    previouslyRejected(s),
    conflict(s),
    accountJson(s),
  ]
}

const rejected = (s: string): string => `
create or replace function ${s}.rejected(p_reason text, p_detail json)
returns json language sql immutable as $fn$
  select json_build_object('outcome', 'rejected', 'reason', p_reason, 'detail', p_detail)
$fn$`

// Of a refusal that was written down, as `remember_rejection` did.
const rejectionJson = (s: string): string => `
create or replace function ${s}.rejection_json(t ${s}.transfer) returns json
language sql stable as $fn$
  select json_build_object('kind', t.kind, 'id', t.id, 'verb', t.rejection->'verb',
    'debitAccountId', t.debit_id, 'creditAccountId', t.credit_id,
    'amountMinor', t.amount_minor::text, 'currency', t.currency, 'code', t.code,
    'metadata', t.metadata, 'effectiveAt', t.effective_at,
    'expiresInMs', t.rejection->'expiresInMs',
    'reason', t.rejection->'reason', 'detail', t.rejection->'detail', 'rejectedAt', t.created_at)
$fn$`

const previouslyRejected = (s: string): string => `
create or replace function ${s}.previously_rejected(t ${s}.transfer) returns json
language sql stable as $fn$
  select ${s}.rejected('previously_rejected', json_build_object(
    'reason', t.rejection->'reason', 'rejectedAt', t.created_at))
$fn$`

const transferJson = (s: string): string => `
create or replace function ${s}.transfer_json(t ${s}.transfer) returns json
language sql stable as $fn$
  select case when t.kind = 'rejection' then ${s}.rejection_json(t)
    else json_build_object('kind', t.kind, 'id', t.id,
    'debitAccountId', t.debit_id, 'creditAccountId', t.credit_id,
    'amountMinor', t.amount_minor::text, 'currency', t.currency, 'code', t.code,
    'metadata', t.metadata, 'holdId', t.hold_id, 'reversesId', t.reverses_id,
    'journalId', t.journal_id, 'leg', t.leg,
    'effectiveAt', coalesce(t.effective_at, t.created_at),
    'debitShard', t.debit_shard, 'creditShard', t.credit_shard,
    'debitSeq', t.debit_seq::text, 'creditSeq', t.credit_seq::text,
    'debitBalanceMinor', t.debit_balance_minor::text,
    'creditBalanceMinor', t.credit_balance_minor::text, 'createdAt', t.created_at) end
$fn$`

const journalJson = (s: string): string => `
create or replace function ${s}.journal_json(j ${s}.journal) returns json
language sql stable as $fn$
  select json_build_object('kind', 'journal', 'id', j.id, 'code', j.code, 'metadata', j.metadata,
    'effectiveAt', coalesce(j.effective_at, j.created_at), 'createdAt', j.created_at,
    'transfers', (select coalesce(json_agg(${s}.transfer_json(t) order by t.leg), '[]')
      from ${s}.transfer t where t.journal_id = j.id))
$fn$`

// A hold past its time is shown as expired whether or not anything has settled it.
const holdJson = (s: string): string => `
create or replace function ${s}.hold_json(h ${s}.hold, p_now timestamptz)
returns json
language sql stable as $fn$
  select json_build_object('kind', 'hold', 'id', h.id,
    'state', case when h.state = 'open' and h.expires_at <= p_now then 'expired' else h.state end,
    'debitAccountId', h.debit_id, 'creditAccountId', h.credit_id,
    'amountMinor', h.amount_minor::text, 'capturedMinor', h.captured_minor::text,
    'remainingMinor', case when h.state = 'open' and (h.expires_at is null or h.expires_at > p_now)
      then (h.amount_minor - h.captured_minor)::text else '0' end,
    'currency', h.currency, 'code', h.code, 'metadata', h.metadata,
    'expiresInMs', h.expires_in_ms::text, 'expiresAt', h.expires_at,
    'createdAt', h.created_at, 'settledAt', h.settled_at)
$fn$`

// `p_existing` is what the id names; without differing fields given, it is a thing of another kind.
const conflict = (s: string): string => `
create or replace function ${s}.conflict(p_existing json, p_differs text[] default array['kind'])
returns json language sql immutable as $fn$
  select json_build_object('outcome', 'conflict', 'differs', p_differs, 'existing', p_existing)
$fn$`

const accountJson = (s: string): string => `
create or replace function ${s}.account_json(a ${s}.account) returns json
language sql stable as $fn$
  select json_build_object('id', a.id, 'currency', a.currency, 'kind', a.kind,
    'normalSide', case when a.debit_normal then 'debit' else 'credit' end,
    'floorMinor', a.floor_minor::text, 'ceilingMinor', a.ceiling_minor::text,
    'shards', a.shards,
    'frozen', json_build_object('debits', a.debits_blocked, 'credits', a.credits_blocked),
    'closedAt', a.closed_at, 'metadata', a.metadata, 'createdAt', a.created_at)
$fn$`
