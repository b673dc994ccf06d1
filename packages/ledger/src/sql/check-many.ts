/**
 * Raises unless the arrays of a batch have the shapes that `MANY_PARAMETERS` names. Part of
 * `post_many`, before it reads anything.
 *
 * Whoever may execute the functions may call them with any array. Decisions read an array by place,
 * the INSERT by `unnest`; of an array of two dimensions, or one that does not start at 1, these are
 * different elements, and a row could say what nobody decided. Set-wise, because each batch pays.
 *
 * An id that comes twice without `p_firsts` needs no test here: the unique index refuses its batch.
 */
export const checkMany: string = `
  if (array_dims(p_ids) = '[1:' || cardinality(p_ids) || ']'
    and array_dims(p_accounts) = '[1:' || cardinality(p_accounts) || ']'
    ${['debits', 'credits', 'amounts', 'currencies']
      .map((name) => `and array_dims(p_${name}) = array_dims(p_ids)`)
      .join('\n    ')}
    ${['firsts', 'codes', 'metadata', 'effective', 'record']
      .map((name) => `and coalesce(array_dims(p_${name}), array_dims(p_ids)) = array_dims(p_ids)`)
      .join('\n    ')}
    and array_position(p_ids, null) is null and array_position(p_accounts, null) is null
    and array_position(p_currencies, null) is null and 0 < all (p_amounts)
    and 1 <= all (p_debits) and cardinality(p_accounts) >= all (p_debits)
    and 1 <= all (p_credits) and cardinality(p_accounts) >= all (p_credits)) is not true
    or exists (select from unnest(p_debits, p_credits) i (debit, credit) where debit = credit)
    or exists (select from unnest(p_accounts, p_accounts[2:]) a (id, next) where id >= next)
  then
    raise exception 'the arrays of a batch do not fit together' using errcode = '22023';
  elsif p_firsts is not null and (p_journal.id is not null or exists (
    select from unnest(p_firsts) with ordinality i (first, place)
    where first is not null and (first between 1 and place and p_firsts[first] = first
      and p_ids[first] = p_ids[place]) is not true))
  then
    raise exception 'the repeated ids of a batch are marked wrongly' using errcode = '22023';
  end if;`
