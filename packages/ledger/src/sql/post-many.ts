import { checkMany } from './check-many.ts'
import { decideAll, knownItem } from './decide-all.ts'
import { lockRows } from './lock-rows.ts'
import { MANY_ARGUMENTS, MANY_PARAMETERS } from './many.ts'
import { micros } from './payload.ts'
import { writeAccounts, writeRows } from './write-rows.ts'

/**
 * Posts many transfers in the order given, each decided as a single one is; a journal (`p_journal`
 * is its row) whole or not at all.
 *
 * All account rows are locked at the start, in the order of every other call. From then on nobody
 * else changes them, so the decisions are made in memory: arrays hold the counters, and each item
 * sees what the items before it have left. At the end one INSERT writes the rows and one UPDATE the
 * accounts.
 *
 * The only thing that others can still take from us is an id, in a call on other accounts. The
 * unique index decides; the INSERT goes through the ids in their order, so that two batches cannot
 * wait for each other. If it wrote fewer rows than were decided, everything is decided again with
 * the new ids known: its block's savepoint takes the rows back. The UPDATE stays outside that
 * block: updating, in a subtransaction, rows that the transaction has locked makes MultiXacts.
 *
 * The planner is told to go by index whatever it believes: a plan made while the tables were small
 * is kept for the life of the session. That makes JIT mistake every plan for a costly one.
 */
export const postManyFunction = (s: string): string => `
create or replace function ${s}.post_many(p_journal ${s}.journal, ${MANY_PARAMETERS}
) returns json language plpgsql volatile
set plan_cache_mode = force_generic_plan set enable_seqscan = off set enable_hashjoin = off
set enable_mergejoin = off set jit = off as $fn$
declare
${state(s)}
begin${checkMany}
  for v_round in 1..cardinality(p_ids) + 2 loop
    if v_round > cardinality(p_ids) + 1 then
      raise exception 'an id of a batch is taken and names nothing';
    end if;${lockRows(s)}
    if p_journal.id is not null then
      v_answer := ${s}.known_journal(p_journal, ${MANY_ARGUMENTS});
      if v_answer is not null then
        return v_answer;
      end if;
    end if;
    v_now_micros := ${micros('v_now')};${decideAll(s)}
    begin${writeRows(s)}
      exit;
    exception when sqlstate 'LG002' then
      null;
    end;
  end loop;
${writeAccounts(s)}
  perform ${s}.keep_horizon(w.id, w.id, v_now) from (select distinct unnest(v_wholes) as id) w;
  foreach i in array v_late loop
    v_answers[i] := ${knownItem(s)};
  end loop;
  return ${ANSWER};
end
$fn$`

const state = (s: string): string => `
  -- One element for each account row that may move.
  v_rows uuid[];
  v_owners uuid[];
  v_shards smallint[];
  v_currency text[];
  v_debit_normal boolean[];
  v_debits bigint[];
  v_credits bigint[];
  -- Most and least that debits less credits may come to by a debit and by a credit.
  v_high bigint[];
  v_low bigint[];
  v_used bigint[];
  v_times timestamptz[];
  v_seqs bigint[];
  v_heads bytea[];
  v_horizons timestamptz[];
  -- One element for each account, where they are not all exact: its (first) row, and its parts.
  v_places integer[];
  v_parts integer[];
  -- Accounts for which holds of a whole sharded account were counted as expired.
  v_wholes uuid[];
  -- One element for each item: its two account rows, and what was decided.
  v_debit_rows integer[];
  v_credit_rows integer[];
  v_kinds text[];
  v_debit_seqs bigint[];
  v_credit_seqs bigint[];
  v_debit_balances bigint[];
  v_credit_balances bigint[];
  v_debit_hashes bytea[];
  v_credit_hashes bytea[];
  v_rejections jsonb[];
  v_answers json[];
  v_known boolean[];
  v_taken boolean[];
  v_late integer[];
  -- Of the item at hand.
  d integer;
  c integer;
  v_amount bigint;
  v_answer json;
  v_debit ${s}.account;
  v_credit ${s}.account;
  v_payload bytea;
  -- Of the whole.
  v_roomy boolean;
  v_sealed_until timestamptz;
  v_now timestamptz;
  v_now_micros text;
  v_count integer;
  v_written integer;
  v_place integer;
  i integer;`

const shards = (rows: string): string => `case when v_parts is not null then
      (select string_agg(coalesce(v_shards[i.row_no], 0)::text, ',' order by i.place)
        from unnest(${rows}) with ordinality i (row_no, place)) end`

// Only what the server decided: what a caller sent, the caller has. Amounts as text, as everywhere.
const ANSWER = `json_build_object('createdAt', v_now,
    'debitSeqs', array_to_string(v_debit_seqs, ',', ''),
    'creditSeqs', array_to_string(v_credit_seqs, ',', ''),
    'debitBalancesMinor', array_to_string(v_debit_balances, ',', ''),
    'creditBalancesMinor', array_to_string(v_credit_balances, ',', ''),
    'debitShards', ${shards('v_debit_rows')}, 'creditShards', ${shards('v_credit_rows')},
    'others', (select json_object_agg(a.place - 1, a.answer)
      from unnest(v_answers) with ordinality a (answer, place) where a.answer is not null))`
