/**
 * Locks the rows of all accounts of a batch, in the order of every other call, and reads them into
 * arrays: the exact accounts, then the parts of the sharded ones. Part of `post_many`.
 *
 * Of a sharded account all parts are locked, with limits or without: a batch of a few items for
 * each part needs all of them anyway.
 */
export const lockRows = (s: string): string => `
    v_places := null;
    v_parts := null;${loadRows(
      (_, values) => values,
      `${s}.account where id = any (p_accounts) and shard = 0 and shards = 0 order by id`,
    )}
    if v_rows is not distinct from p_accounts then
      v_debit_rows := p_debits;
      v_credit_rows := p_credits;
    else${placeExact}${loadRows(
      (variable, values) => `${variable} || ${values}`,
      `${s}.account where part_of = any (p_accounts) and part_of is not null
        order by part_of, shard`,
    )}${placeParts}
    end if;
    if p_effective is null then
      select sealed_until into strict v_sealed_until from ${s}.book;
    else
      select sealed_until into strict v_sealed_until from ${s}.book for share;
    end if;
    v_now := greatest(clock_timestamp(), v_sealed_until, (select max(time) from unnest(v_times) time));
    v_roomy := (select max(used) from unnest(v_used) used)
      + (select sum(amount) from unnest(p_amounts) amount) <= ${MOST};`

const MOST = '9223372036854775807'
const LEAST = '-9223372036854775807'

/**
 * What is read of an account row. `v_high` and `v_low` fold everything that can keep money from
 * moving into two numbers, so that an item costs two comparisons: limits with all open holds;
 * blocked directions and limits of a whole sharded account, which leave no room. An item that does
 * not fit may still be right (holds may have expired) and goes the long way. So does every item
 * when some counter might come near the end of bigint.
 */
const COLUMNS: Readonly<Record<string, string>> = {
  v_rows: 'a.id',
  v_owners: 'a.part_of',
  v_shards: 'a.shard',
  v_currency: 'a.currency',
  v_debit_normal: 'a.debit_normal',
  v_debits: 'a.posted_debits_minor',
  v_credits: 'a.posted_credits_minor',
  v_high: `case
        when a.debits_blocked or a.limited then ${LEAST}
        when a.debit_normal then coalesce(a.ceiling_minor - a.pending_debits_minor, ${MOST})
        else coalesce(- a.floor_minor - a.pending_debits_minor, ${MOST}) end`,
  v_low: `case
        when a.credits_blocked or a.limited then ${MOST}
        when a.debit_normal then coalesce(a.floor_minor + a.pending_credits_minor, ${LEAST})
        else coalesce(a.pending_credits_minor - a.ceiling_minor, ${LEAST}) end`,
  v_used: `greatest(a.posted_debits_minor + a.pending_debits_minor,
        a.posted_credits_minor + a.pending_credits_minor)`,
  v_times: 'greatest(a.recorded_at, a.expiry_horizon)',
  v_seqs: 'a.seq',
  v_heads: 'a.head',
  v_horizons: 'a.expiry_horizon',
}

const loadRows = (add: (variable: string, values: string) => string, from: string): string => `
    select ${Object.entries(COLUMNS)
      .map(([variable, value]) => add(variable, `array_agg(${value})`))
      .join(',\n      ')}
    into ${Object.keys(COLUMNS).join(', ')}
    from (select * from ${from} for no key update) a;`

// Both lists are in the order of ids: one walk tells where each account's row is.
const placeExact = `
      v_places := array_fill(null::integer, array[cardinality(p_accounts)]);
      v_count := 1;
      for i in 1..cardinality(p_accounts) loop
        if p_accounts[i] = v_rows[v_count] then
          v_places[i] := v_count;
          v_count := v_count + 1;
        end if;
      end loop;`

const partOf = (parts: string): string =>
  `case when ${parts} > 0 then get_byte(uuid_send(p_ids[i]), 15) % ${parts} else 0 end`

// A sharded account has the place of its first part; which one an item is on, its id tells, as in
// lock_shard.
const placeParts = `
      v_parts := array_fill(0, array[cardinality(p_accounts)]);
      for i in v_count..coalesce(cardinality(v_rows), 0) loop
        c := array_position(p_accounts, v_owners[i]);
        v_places[c] := coalesce(v_places[c], i);
        v_parts[c] := v_shards[i];
      end loop;
      v_debit_rows := p_debits;
      v_credit_rows := p_credits;
      for i in 1..cardinality(p_ids) loop
        d := p_debits[i];
        v_debit_rows[i] := v_places[d] + ${partOf('v_parts[d]')};
        c := p_credits[i];
        v_credit_rows[i] := v_places[c] + ${partOf('v_parts[c]')};
      end loop;`
