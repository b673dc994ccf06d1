import { sql } from 'kysely'
import type { Kysely } from 'kysely'
import { migrateQueue } from '../../src/index.ts'

/** So many keys, each with its own order. */
export const KEYS = 200

/** The queue's tables; what is counted for each key; and effects, of which nothing prevents a second. */
export async function migrateChaos(db: Kysely<any>): Promise<void> {
  await migrateQueue(db)
  await sql`create table counter (key text primary key, n integer not null default 0)`.execute(db)
  await sql`insert into counter (key)
    select 'key-' || number from generate_series(0, ${sql.lit(KEYS - 1)}) as number`.execute(db)
  await sql`create table effect (
    seq bigint generated always as identity,
    consumer text not null, message_id text not null, key text not null, n integer not null
  )`.execute(db)
}

/** Messages that writers have committed. */
export async function committed(db: Kysely<any>): Promise<number> {
  const { rows } = await sql<{ n: number }>`select sum(n)::integer as n from counter`.execute(db)
  return rows[0]?.n ?? 0
}

/** Effects so far; somewhat more, where a transaction rolled back. Cheap. */
export async function effectsAbout(db: Kysely<any>): Promise<number> {
  const { rows } = await sql<{ n: number }>`select last_value::integer as n
    from effect_seq_seq`.execute(db)
  return rows[0]?.n ?? 0
}
