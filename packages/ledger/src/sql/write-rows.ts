/**
 * Writes the rows that were decided; raises LG002 when an id, or that of the journal, was taken
 * meanwhile. Part of `post_many`.
 *
 * The rows go in by id: two batches that bring the same ids then wait for each other in one
 * direction only. A journal's own row comes before its legs, for the same reason.
 */
export const writeRows = (s: string): string => `
      if p_journal.id is not null then
        p_journal.created_at := v_now;
        insert into ${s}.journal select (p_journal).* on conflict (id) do nothing;
        if not found then
          raise exception 'the id of the journal was taken' using errcode = 'LG002';
        end if;
      end if;
      insert into ${s}.transfer (id, kind, debit_id, debit_shard, credit_id, credit_shard,
        amount_minor, currency, code, metadata, journal_id, leg, rejection, debit_seq, credit_seq,
        debit_balance_minor, credit_balance_minor, debit_hash, credit_hash, effective_at,
        created_at)
      select i.id, i.kind,
        p_accounts[i.debit], case when i.kind = 'transfer' then v_shards[i.debit_row] else 0 end,
        p_accounts[i.credit], case when i.kind = 'transfer' then v_shards[i.credit_row] else 0 end,
        i.amount, i.currency, i.code, i.metadata, p_journal.id,
        case when p_journal.id is not null then i.place - 1 end, i.rejection,
        i.debit_seq, i.credit_seq, i.debit_balance, i.credit_balance, i.debit_hash, i.credit_hash,
        i.effective_at, v_now
      from unnest(p_ids, v_kinds, p_debits, v_debit_rows, p_credits, v_credit_rows, p_amounts,
        p_currencies, p_codes, p_metadata, v_rejections, v_debit_seqs, v_credit_seqs,
        v_debit_balances, v_credit_balances, v_debit_hashes, v_credit_hashes, p_effective)
        with ordinality i (id, kind, debit, debit_row, credit, credit_row, amount,
        currency, code, metadata, rejection, debit_seq, credit_seq,
        debit_balance, credit_balance, debit_hash, credit_hash, effective_at, place)
      where i.kind is not null
      order by i.id
      on conflict (id) do nothing;
      get diagnostics v_written = row_count;
      if v_written < v_count then
        raise exception 'an id was taken' using errcode = 'LG002';
      end if;`

/** Writes the counters of the accounts that moved. Part of `post_many`, after `writeRows`. */
export const writeAccounts = (s: string): string => `
  update ${s}.account a set
    posted_debits_minor = r.debits,
    posted_credits_minor = r.credits,
    seq = r.seq,
    head = r.head,
    recorded_at = v_now,
    expiry_horizon = r.horizon
  from unnest(v_rows, v_debits, v_credits, v_seqs, v_heads, v_horizons)
    r (id, debits, credits, seq, head, horizon)
  where a.id = r.id and a.seq <> r.seq;`
