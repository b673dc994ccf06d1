import { micros, payloadFrom } from './payload.ts'
import { rejection } from './remember-rejection.ts'

/** SQL: the answer to item `i`, whose id is in use. */
export const knownItem = (s: string): string =>
  `${s}.known_transfer(p_ids[i], p_accounts[p_debits[i]], p_accounts[p_credits[i]],
        p_amounts[i], p_currencies[i], p_codes[i], p_metadata[i], p_effective[i])`

/**
 * Decides each item of a batch in turn, in memory. Part of `post_many`, after `lockRows`.
 *
 * The ids are looked up first, all at once, under the locks: a twin on the same accounts has then
 * committed or gone. Of an id that comes more than once in the batch, the first that is written
 * takes it; those after it are answered from its row, once that is there (`v_late`).
 */
export const decideAll = (s: string): string => `
    v_known := null;
    if exists (select from ${s}.transfer where id = any (p_ids))
      or exists (select from ${s}.hold where id = any (p_ids))
    then
      v_known := (select array_agg((select t.id from ${s}.transfer t where t.id = i.id) is not null
          or (select h.id from ${s}.hold h where h.id = i.id) is not null order by i.place)
        from unnest(p_ids) with ordinality i (id, place));
    end if;${forgetDecisions}
    for i in 1..cardinality(p_ids) loop
      d := v_debit_rows[i];
      c := v_credit_rows[i];
      v_amount := p_amounts[i];
      if (${fits}) is not true then${lookCloser(s)}
      end if;${post}
    end loop;`

const forgetDecisions = `
    v_count := 0;
    v_late := '{}';
    v_wholes := null;
    v_answers := array_fill(null::json, array[cardinality(p_ids)]);
    v_rejections := array_fill(null::jsonb, array[cardinality(p_ids)]);
    v_taken := array_fill(false, array[cardinality(p_ids)]);
    v_kinds := array_fill(null::text, array[cardinality(p_ids)]);
    v_debit_seqs := array_fill(null::bigint, array[cardinality(p_ids)]);
    v_credit_seqs := v_debit_seqs;
    v_debit_balances := v_debit_seqs;
    v_credit_balances := v_debit_seqs;
    v_debit_hashes := array_fill(null::bytea, array[cardinality(p_ids)]);
    v_credit_hashes := v_debit_hashes;`

const takeId = `
      if p_firsts[i] is not null then
        v_taken[p_firsts[i]] := true;
      end if;`

// Nothing unusual about item `i`: a new id, and room on both sides with every open hold counted.
const fits = `v_roomy and v_known[i] is not true and p_firsts[i] is null
        and coalesce(p_effective[i] >= v_sealed_until, true)
        and v_currency[d] = p_currencies[i] and v_currency[c] = p_currencies[i]
        and v_debits[d] - v_credits[d] + v_amount <= v_high[d]
        and v_debits[c] - v_credits[c] - v_amount >= v_low[c]`

// The usual order: what the id names, then why the accounts refuse. A refusal leaves the loop's
// turn; null goes on to post, with the horizon kept that made room by expired holds.
const lookCloser = (s: string): string => `
        if v_taken[p_firsts[i]] then
          v_late := v_late || i;
          continue;
        end if;
        if v_known[i] then
          v_answer := ${knownItem(s)};
        else${asItStands(s, 'v_debit', 'd')}${asItStands(s, 'v_credit', 'c')}
          v_answer := ${s}.refusal(v_debit, v_credit, p_accounts[p_debits[i]],
            p_accounts[p_credits[i]], v_amount, p_currencies[i], p_effective[i], v_sealed_until,
            v_now);
          if p_record[i] and v_answer is not null then
            v_rejections[i] := ${rejection(`'transfer'::text`, 'v_answer', 'null')};
            v_kinds[i] := 'rejection';
            v_count := v_count + 1;${takeId}
          end if;
        end if;
        if v_answer is not null then
          v_answers[i] := v_answer;
          if p_journal.id is not null then
            return json_build_object('leg', i - 1, 'answer', v_answer);
          end if;
          continue;
        end if;
        v_horizons[d] := v_now;
        v_horizons[c] := v_now;
        if v_debit.shards > 0 or v_credit.shards > 0 then
          v_wholes := v_wholes || p_accounts[p_debits[i]] || p_accounts[p_credits[i]];
        end if;`

// The account as `refusal` is to see it: its row, or the whole of a sharded account with limits,
// whose parts are all here and in one piece; with the counters that the items before this one left.
const asItStands = (s: string, account: string, row: string): string => `
          select * into ${account} from ${s}.account where id = v_rows[${row}];
          if ${account}.limited then
            ${account} := ${s}.whole(${account});
            v_place := ${row} - v_shards[${row}];
            select least(sum(p.debits), 9223372036854775807),
                least(sum(p.credits), 9223372036854775807)
              into strict ${account}.posted_debits_minor, ${account}.posted_credits_minor
              from unnest(v_debits[v_place + 1:v_place + ${account}.shards],
                v_credits[v_place + 1:v_place + ${account}.shards]) p (debits, credits);
          else
            ${account}.posted_debits_minor := v_debits[${row}];
            ${account}.posted_credits_minor := v_credits[${row}];
          end if;`

const post = `
      v_debits[d] := v_debits[d] + v_amount;
      v_credits[c] := v_credits[c] + v_amount;
      v_seqs[d] := v_seqs[d] + 1;
      v_seqs[c] := v_seqs[c] + 1;
      v_debit_seqs[i] := v_seqs[d];
      v_credit_seqs[i] := v_seqs[c];
      v_debit_balances[i] := case when v_debit_normal[d] then v_debits[d] - v_credits[d]
        else v_credits[d] - v_debits[d] end;
      v_credit_balances[i] := case when v_debit_normal[c] then v_debits[c] - v_credits[c]
        else v_credits[c] - v_debits[c] end;
      v_payload := ${payload()};
      v_heads[d] := sha256(v_heads[d] || v_payload);
      v_heads[c] := sha256(v_heads[c] || v_payload);
      v_debit_hashes[i] := v_heads[d];
      v_credit_hashes[i] := v_heads[c];
      v_kinds[i] := 'transfer';
      v_count := v_count + 1;${takeId}`

function payload(): string {
  const columns = {
    id: 'p_ids[i]',
    kind: `'transfer'`,
    debit_id: 'p_accounts[p_debits[i]]',
    debit_shard: 'v_shards[d]',
    debit_seq: 'v_debit_seqs[i]',
    debit_balance_minor: 'v_debit_balances[i]',
    credit_id: 'p_accounts[p_credits[i]]',
    credit_shard: 'v_shards[c]',
    credit_seq: 'v_credit_seqs[i]',
    credit_balance_minor: 'v_credit_balances[i]',
    amount_minor: 'v_amount',
    currency: 'p_currencies[i]',
    hold_id: `''`,
    capture_final: `''`,
    remainder: `''`,
    reverses_id: `''`,
    journal_id: `coalesce(p_journal.id::text, '')`,
    leg: `case when p_journal.id is null then '' else (i - 1)::text end`,
    created_at: 'v_now_micros',
    effective_at: `coalesce(${micros('p_effective[i]')}::text, '')`,
    code: `coalesce(p_codes[i], '')`,
    metadata: `coalesce(p_metadata[i]::text, '')`,
  }
  return payloadFrom((name) => columns[name])
}
