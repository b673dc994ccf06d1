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
