import { CompiledQuery } from 'kysely'
import type { Migration } from 'kysely/migration'

/*
 * claim  what a relay has taken in hand, one row a batch, so that no row of the outbox is rewritten for
 *        being claimed. It lasts until the relay has written down what became of the batch; of a relay
 *        that died another one writes `claimed_at` into the rows that are left.
 *
 * Who cancels asks the claims from within a trigger: so does code of an older version, which knows of
 * `claimed_at` only, and it needs no right to read them. The row is locked before a BEFORE trigger runs,
 * and the claim is committed before the relay looks at its rows for the second time: of a cancel and a
 * claim at the same moment at least one sees the other. Under REPEATABLE READ and SERIALIZABLE a claim
 * that committed after the snapshot can't be seen, so there the answer is always "perhaps".
 */
const up = (s: string): readonly string[] => [
  // Behind us every INSERT into the outbox would wait for a long transaction, too: better to fail.
  `select set_config('payflow.lock_timeout', current_setting('lock_timeout'), true)`,
  `set local lock_timeout = '3s'`,
  `create table ${s}.claim (
    id bigint generated always as identity,
    relay text not null,
    seqs bigint[] not null,
    claimed_at timestamptz not null default now(),
    constraint claim_pkey primary key (id)
  )`,
  // Compressing some hundred numbers costs more than writing them.
  `alter table ${s}.claim alter column seqs set storage external`,
  grantsAsOnConfirmed(s),
  `create function ${s}.cancel_looks_at_claims() returns trigger language plpgsql
security definer set search_path = pg_catalog, pg_temp as $fn$
begin
  if current_setting('transaction_isolation') not in ('read committed', 'read uncommitted')
    or exists (select 1 from ${s}.claim c where old.seq = any (c.seqs))
  then
    new.claimed_at := now();
  end if;
  return new;
end
$fn$`,
  `create trigger outbox_cancel_looks_at_claims before update of state on ${s}.outbox
  for each row when (
    old.state = 'pending' and new.state = 'cancelled' and new.claimed_at is null
  ) execute function ${s}.cancel_looks_at_claims()`,
  // The space was kept for writing `claimed_at`, which is the exception now.
  `alter table ${s}.outbox reset (fillfactor)`,
  `select set_config('lock_timeout', current_setting('payflow.lock_timeout'), true)`,
]

/** Roles that relay already may do so after the migration, without a grant of their own for the table. */
const grantsAsOnConfirmed = (s: string): string => `do $do$
declare
  role text;
begin
  for role in
    select distinct case a.grantee when 0 then 'public' else quote_ident(pg_get_userbyid(a.grantee)) end
    from pg_class c, aclexplode(c.relacl) a
    where c.oid = '${s}.outbox_confirmed'::regclass
      and a.privilege_type = 'INSERT' and a.grantee <> c.relowner
  loop
    execute 'grant select, insert, update, delete on ${s}.claim to ' || role;
  end loop;
end
$do$`

const down = (s: string): readonly string[] => [
  `update ${s}.outbox set claimed_at = now()
  where seq in (select unnest(seqs) from ${s}.claim) and claimed_at is null`,
  `drop trigger outbox_cancel_looks_at_claims on ${s}.outbox`,
  `drop function ${s}.cancel_looks_at_claims()`,
  `drop table ${s}.claim`,
  `alter table ${s}.outbox set (fillfactor = 80)`,
]

/** Claims by the batch. */
export function claims(schema: string): Migration {
  return {
    async up(db) {
      for (const statement of up(schema)) await db.executeQuery(CompiledQuery.raw(statement))
    },
    async down(db) {
      for (const statement of down(schema)) await db.executeQuery(CompiledQuery.raw(statement))
    },
  }
}
