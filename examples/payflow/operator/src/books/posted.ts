import { SANDBOX_BANK_ID } from '@payflow-app/contracts'
import { sql, type Kysely } from 'kysely'

/** What a payment moves, between whom; by its row, or by the journal. */
export interface Movement {
  readonly kind: string
  /** Minor units; PostgreSQL's text, which is exact. */
  readonly amountMinor: string
  readonly currency: string
  /** `null`: an account that is nobody's wallet and not the bank's. */
  readonly fromUserId: string | null
  readonly toUserId: string | null
  readonly refundOf: string | null
}

/** What the ledger knows of a payment. */
export interface Posted extends Movement {
  readonly id: string
  /** How often money was moved for it. The movement is that of one of these. */
  readonly times: number
  /** Whether the journal has given back more of it than was posted. */
  readonly isOverReversed: boolean
}

/**
 * What was posted under these ids: captures of the hold that has the payment's id, or the reversal
 * with that id. Ids under which nothing was posted are absent.
 *
 * Whose an account is, is read where it is written down, not computed the way the services do: an
 * account that is another's by the books is another's. The kind follows from the parties, and a
 * reversal is a refund.
 */
export async function readPosted(
  db: Kysely<any>,
  ids: readonly string[],
): Promise<ReadonlyMap<string, Posted>> {
  const { rows } = await sql<Posted>`
    select ids.id, moved.times, moved.amount_minor::text as "amountMinor", moved.currency,
      moved.reverses_id as "refundOf",
      case when moved.reverses_id is not null then 'refund'
        when debit.is_bank then 'top_up'
        when credit.is_bank then 'withdrawal'
        else 'payment' end as kind,
      coalesce(sender.user_id, case when debit.is_bank then ${SANDBOX_BANK_ID}::uuid end)
        as "fromUserId",
      coalesce(recipient.user_id, case when credit.is_bank then ${SANDBOX_BANK_ID}::uuid end)
        as "toUserId",
      coalesce(moved.amount_minor < (select sum(reversal.amount_minor)
        from ledger.transfer as reversal where reversal.reverses_id = moved.id), false)
        as "isOverReversed"
    from unnest(${ids}::uuid[]) as ids (id)
    cross join lateral (
      select count(*) over ()::int as times, posting.* from (
        select * from ledger.transfer where hold_id = ids.id
        union all
        select * from ledger.transfer where id = ids.id and kind = 'reversal'
      ) as posting limit 1
    ) as moved
    left join lateral (select metadata ->> 'purpose' = 'sandbox bank' as is_bank
      from ledger.account where account.id = moved.debit_id) as debit on true
    left join lateral (select metadata ->> 'purpose' = 'sandbox bank' as is_bank
      from ledger.account where account.id = moved.credit_id) as credit on true
    left join wallets as sender
      on sender.account_id = moved.debit_id and sender.currency = moved.currency
    left join wallets as recipient
      on recipient.account_id = moved.credit_id and recipient.currency = moved.currency`.execute(db)
  return new Map(rows.map((row) => [row.id, row]))
}

const FIELDS = [
  'kind',
  'amountMinor',
  'currency',
  'fromUserId',
  'toUserId',
  'refundOf',
] as const satisfies readonly (keyof Movement)[]

/** In what a payment's row and the journal differ, each as text; none when they say the same. */
export function differencesOf(row: Movement, posted: Movement): readonly string[] {
  return FIELDS.flatMap((field) =>
    row[field] === posted[field]
      ? []
      : [`${field} is ${row[field] ?? 'nothing'}, posted ${posted[field] ?? 'nothing'}`],
  )
}
