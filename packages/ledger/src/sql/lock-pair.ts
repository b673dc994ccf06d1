/**
 * Locks both accounts of a movement, for use inside a plpgsql function that declares `v_debit` and
 * `v_credit`. An account that does not exist leaves its record null. Of a sharded account the
 * record is the part to post on, by the id of the movement (see `lock_shard`).
 *
 * Why this lock: always the smaller id first, so two movements between the same accounts in
 * opposite directions queue instead of deadlocking (measured: 3 against 2,068 transfers a second);
 * parts of sharded accounts after all exact accounts, as everywhere. FOR NO KEY UPDATE rather than
 * FOR UPDATE, because another table's foreign key to an account takes FOR KEY SHARE on it: FOR
 * UPDATE would wait for that, or deadlock with it. Everything read after this point is read under
 * the lock, in a new snapshot.
 */
export const lockPair = (s: string, debitId: string, creditId: string, id: string): string =>
  lockExact(s, debitId, creditId) +
  lockMissing(
    debitId,
    creditId,
    `${s}.lock_shard(${debitId}, ${id})`,
    `${s}.lock_shard(${creditId}, ${id})`,
  )

/** As `lockPair`, of the accounts of `v_hold`, and exactly the parts that the hold is on. */
export const lockHold = (s: string): string =>
  lockExact(s, 'v_hold.debit_id', 'v_hold.credit_id') +
  lockMissing(
    'v_hold.debit_id',
    'v_hold.credit_id',
    `${s}.lock_part(v_hold.debit_id, v_hold.debit_shard)`,
    `${s}.lock_part(v_hold.credit_id, v_hold.credit_shard)`,
  )

// The conditions on shards leave out the row that stands for a sharded account and has no money.
const lockExact = (s: string, debitId: string, creditId: string): string => `
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

const lockMissing = (
  debitId: string,
  creditId: string,
  lockDebit: string,
  lockCredit: string,
): string => `
  if v_debit.id is null or v_credit.id is null then
    if v_debit.id is null and ${debitId} < ${creditId} then
      v_debit := ${lockDebit};
    end if;
    if v_credit.id is null then
      v_credit := ${lockCredit};
    end if;
    if v_debit.id is null and ${debitId} > ${creditId} then
      v_debit := ${lockDebit};
    end if;
  end if;`

/** Locks one part of a sharded account: a hold is captured and released on the part it is on. */
export const lockPartFunction = (s: string): string => `
create or replace function ${s}.lock_part(p_account_id uuid, p_shard smallint)
returns ${s}.account language sql volatile as $fn$
  select a from ${s}.account a where part_of = p_account_id and shard = p_shard for no key update
$fn$`
