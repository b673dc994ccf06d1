import type { Ledger, TransferInput } from '@payflow/ledger'
import { Kysely, PostgresDialect } from 'kysely'
import type pg from 'pg'

/**
 * The statement that `ledger.transfer` sends, and where its parameters come from: learnt from one
 * real call, so that the bare caller runs the same function whatever becomes of its signature.
 */
export interface BareStatement {
  readonly text: string
  values(transfer: TransferInput): unknown[]
}

export async function bareTransfer(
  ledger: Ledger,
  pool: pg.Pool,
  sample: TransferInput,
): Promise<BareStatement> {
  const seen: { sql: string; parameters: readonly unknown[] }[] = []
  const db = new Kysely<any>({
    dialect: new PostgresDialect({ pool }),
    log({ query }) {
      seen.push(query)
    },
  })
  const { outcome } = await ledger.transfer(db, sample)
  const [statement, another] = seen
  if (outcome !== 'created' || statement === undefined || another !== undefined) {
    throw new Error(`a transfer is not one statement any more: ${outcome}, ${seen.length}`)
  }
  const fields = new Map(
    Object.entries(sample).map(([field, value]) => [value, field as keyof TransferInput]),
  )
  const sources = statement.parameters.map((value) => ({ field: fields.get(value as any), value }))
  return {
    text: statement.sql,
    values: (t) => sources.map(({ field, value }) => (field === undefined ? value : t[field])),
  }
}

/** What a caller does who has no wrapper: sends, reads, parses. */
export async function callBare(
  pool: pg.Pool,
  statement: BareStatement,
  transfer: TransferInput,
): Promise<number> {
  const { rows } = await pool.query<{ result: string }>({
    name: 'transfer',
    text: statement.text,
    values: statement.values(transfer),
  })
  const answer = JSON.parse(rows[0]?.result ?? 'null') as { outcome: string }
  return answer.outcome === 'created' ? 1 : 0
}
