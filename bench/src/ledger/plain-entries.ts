import { type Kysely, sql } from 'kysely'

/**
 * What the designs that we compare ours with have in common: in a schema, the tables `account` with
 * a `balance` and `entry` with an `account_id` and a signed `amount`.
 */
export interface PlainEntries {
  accountIds(): Promise<string[]>
  /** What the balances add up to, if that is not zero. */
  unbalanced(): Promise<string[]>
  /** How many accounts have a balance that is not the sum of their entries. */
  lostUpdates(): Promise<string[]>
}

export function plainEntries(db: Kysely<any>, schema: string): PlainEntries {
  const account = sql.table(`${schema}.account`)
  const entry = sql.table(`${schema}.entry`)
  return {
    async accountIds() {
      const { rows } = await sql<{ id: string }>`select id from ${account}`.execute(db)
      return rows.map(({ id }) => id)
    },
    async unbalanced() {
      const { rows } = await sql<{ sum: string | null }>`
        select sum(balance)::text as sum from ${account}`.execute(db)
      const sum = rows[0]?.sum ?? 'nothing'
      return Number(sum) === 0 ? [] : [`the balances add up to ${sum}`]
    },
    async lostUpdates() {
      const { rows } = await sql<{ n: string }>`
        select count(*)::text as n from ${account} a
        left join (select account_id, sum(amount) as sum from ${entry} group by 1) e
          on e.account_id = a.id
        where a.balance <> coalesce(e.sum, 0)`.execute(db)
      const n = rows[0]?.n
      return n === '0' ? [] : [`${n} accounts lost updates`]
    },
  }
}

/**
 * Makes 2,000 transfers by the `create_transfer` of a schema. PL/pgSQL keeps a plan for as long as
 * its connection lives, or until the table is analyzed again: one that was made for a journal of a
 * few hundred rows reads all of it in every call, and is several times slower after ten thousand.
 */
export async function fillJournal(db: Kysely<any>, schema: string): Promise<void> {
  const create = sql.table(`${schema}.create_transfer`)
  const transfer = sql.table(`${schema}.transfer`)
  await sql`select count(*)
    from (select id, lead(id) over (order by id) as next
      from ${sql.table(`${schema}.account`)} limit 100) pair
    cross join generate_series(1, 20) amount
    cross join lateral ${create}(pair.id, pair.next, amount)`.execute(db)
  const { rows } = await sql<{ n: string }>`select count(*)::text as n from ${transfer}`.execute(db)
  // Calls that do not differ are made once: PostgreSQL memoizes a lateral function.
  if (rows[0]?.n !== '2000') throw new Error(`${schema} starts with ${rows[0]?.n} transfers`)
}
