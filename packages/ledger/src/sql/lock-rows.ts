/**
 * Locks the rows of all accounts of a batch, in the order of every other call, and reads them into
 * arrays. Part of `post_many`.
 *
 * `v_high` and `v_low` fold everything that can keep money from moving into two numbers a row, so
 * that an item costs two comparisons: limits with all open holds, and blocked directions, which
 * leave no room at all. An item that does not fit may still be right (holds may have expired) and
 * goes the long way. So does every item when some counter might come near the end of bigint.
 */
export const lockRows = (s: string): string => `
    select array_agg(a.id), array_agg(a.shard), array_agg(a.currency), array_agg(a.debit_normal),
      array_agg(a.posted_debits_minor), array_agg(a.posted_credits_minor),
      array_agg(case
        when a.debits_blocked or a.limited then ${LEAST}
        when a.debit_normal then coalesce(a.ceiling_minor - a.pending_debits_minor, ${MOST})
        else coalesce(- a.floor_minor - a.pending_debits_minor, ${MOST}) end),
      array_agg(case
        when a.credits_blocked or a.limited then ${MOST}
        when a.debit_normal then coalesce(a.floor_minor + a.pending_credits_minor, ${LEAST})
        else coalesce(a.pending_credits_minor - a.ceiling_minor, ${LEAST}) end),
      array_agg(a.seq), array_agg(a.head), array_agg(a.expiry_horizon),
      max(greatest(a.posted_debits_minor::numeric + a.pending_debits_minor,
        a.posted_credits_minor::numeric + a.pending_credits_minor)),
      max(greatest(a.recorded_at, a.expiry_horizon))
    into v_rows, v_shards, v_currency, v_debit_normal, v_debits, v_credits, v_high, v_low,
      v_seqs, v_heads, v_horizons, v_most, v_now
    from (select * from ${s}.account where id = any (p_accounts) and shard = 0 and shards = 0
      order by id for no key update) a;
    if p_effective is null then
      select sealed_until into strict v_sealed_until from ${s}.book;
    else
      select sealed_until into strict v_sealed_until from ${s}.book for share;
    end if;
    v_now := greatest(clock_timestamp(), v_now, v_sealed_until);
    v_roomy := v_most + (select sum(amount) from unnest(p_amounts) amount) <= ${MOST};
    v_debit_rows := p_debits;
    v_credit_rows := p_credits;
    if v_rows is distinct from p_accounts then${placeRows}
    end if;`

const MOST = '9223372036854775807'
const LEAST = '-9223372036854775807'

// Both lists are in the order of ids: one walk tells where each account's row is.
const placeRows = `
      v_count := 1;
      v_places := array_fill(null::integer, array[cardinality(p_accounts)]);
      for i in 1..cardinality(p_accounts) loop
        if p_accounts[i] = v_rows[v_count] then
          v_places[i] := v_count;
          v_count := v_count + 1;
        end if;
      end loop;
      for i in 1..cardinality(p_ids) loop
        v_debit_rows[i] := v_places[p_debits[i]];
        v_credit_rows[i] := v_places[p_credits[i]];
      end loop;`
