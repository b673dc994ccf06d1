/**
 * Locks both accounts of a movement, for use inside a plpgsql function that declares `v_debit` and
 * `v_credit`. An account that does not exist leaves its record null; so does the head row of a
 * sharded account, which is never locked here: `lock_shard` then finds the part to use.
 *
 * Why this lock: always the smaller id first, so two movements between the same accounts in
 * opposite directions queue instead of deadlocking (measured: 3 against 2,068 transfers a second).
 * FOR NO KEY UPDATE rather than FOR UPDATE, because another table's foreign key to an account takes
 * FOR KEY SHARE on it: FOR UPDATE would wait for that, or deadlock with it. Everything read after
 * this point is read under the lock, in a new snapshot.
 */
export const lockPair = (s: string, debitId: string, creditId: string): string => `
  if ${debitId} < ${creditId} then
    select * into v_debit from ${s}.account
      where id = ${debitId} and shard = 0 and shards = 0 for no key update;
    select * into v_credit from ${s}.account
      where id = ${creditId} and shard = 0 and shards = 0 for no key update;
  else
    select * into v_credit from ${s}.account
      where id = ${creditId} and shard = 0 and shards = 0 for no key update;
    select * into v_debit from ${s}.account
      where id = ${debitId} and shard = 0 and shards = 0 for no key update;
  end if;`
