import { sql, type Kysely } from 'kysely'
import type { AddFault, AuditOptions } from './audit-books.ts'
import type { Books } from './index.ts'
import { REQUEST_MAX_MS } from './judge.ts'
import { pagesOf, type ReadPage } from './pages.ts'

interface TransferOfPage {
  readonly id: string
  readonly isRefund: boolean
}

interface HoldOfPage {
  readonly id: string
  /** Whether it holds money, and has for longer than a request takes. */
  readonly isHeld: boolean
  /** Whether it frees itself. */
  readonly expires: boolean
}

/**
 * Finds what the ledger knows and the payments do not. The ledger is read first: a payment that asked
 * for it is written down, or at least claimed, before.
 *
 * A request that was cut off after it held the money has claimed its key and decided nothing. That
 * is no fault: the same request decides it, and until then the hold frees itself. Returns how many
 * there are. A hold of a request that was refused, or that nobody has claimed, is one.
 */
export async function findOrphans(
  books: Books,
  options: AuditOptions,
  add: AddFault,
): Promise<{ readonly cutOff: number }> {
  const { requestMaxMs = REQUEST_MAX_MS, onProgress = () => undefined } = options
  const wallet = books.book('wallet')
  const transaction = books.book('transaction')
  let seen = 0
  const judge = async (ids: readonly string[], read: number): Promise<void> => {
    for (const id of await unpaidOf(transaction, ids)) add('posted_without_payment', id)
    onProgress(`comparing the ledger with payments: ${(seen += read)}`)
  }
  for await (const page of pagesOf(postedHoldsAfter(wallet), options)) {
    await judge(idsOf(page), page.length)
  }
  for await (const page of pagesOf(transfersAfter(wallet), options)) {
    await judge(idsOf(page.filter(({ isRefund }) => isRefund)), page.length)
  }
  let cutOff = 0
  for await (const page of pagesOf(holdsAfter(wallet, requestMaxMs), options)) {
    const held = page.filter(({ isHeld }) => isHeld)
    for (const { id, isCutOff } of await undecidedOf(transaction, held, requestMaxMs)) {
      if (isCutOff) cutOff += 1
      else add('held_without_payment', id)
    }
  }
  return { cutOff }
}

const idsOf = (page: readonly { readonly id: string }[]): string[] => page.map(({ id }) => id)

async function unpaidOf(db: Kysely<any>, ids: readonly string[]): Promise<readonly string[]> {
  if (ids.length === 0) return []
  const { rows } = await sql<{ id: string }>`
    select ids.id from unnest(${ids}::uuid[]) as ids (id)
    where not exists (select from payments where payments.id = ids.id)`.execute(db)
  return idsOf(rows)
}

/**
 * Which of these holds have no payment, and whether their request was cut off. Of a refusal that is
 * younger than a request may be, the hold is not judged: what a twin holds is released after it.
 */
async function undecidedOf(
  db: Kysely<any>,
  holds: readonly HoldOfPage[],
  requestMaxMs: number,
): Promise<readonly { readonly id: string; readonly isCutOff: boolean }[]> {
  if (holds.length === 0) return []
  const { rows } = await sql<{ id: string; isCutOff: boolean }>`
    select held.id, held.expires and claim.payment_id is not null and claim.refused_at is null
      as "isCutOff"
    from unnest(${idsOf(holds)}::uuid[],
      ${holds.map(({ expires }) => expires)}::boolean[]) as held (id, expires)
    left join payment_claims as claim on claim.payment_id = held.id
    where not exists (select from payments where payments.id = held.id)
      and (claim.refused_at is null
        or claim.refused_at < now() - ${`${requestMaxMs} milliseconds`}::interval)`.execute(db)
  return rows
}

/** Holds from which money has moved: the payment has the id of its hold. */
const postedHoldsAfter =
  (db: Kysely<any>): ReadPage<{ readonly id: string }> =>
  async (after, rowsMax) => {
    const { rows } = await sql<{ id: string }>`
      select distinct hold_id as id from ledger.transfer
      where hold_id > ${after} order by hold_id limit ${rowsMax}`.execute(db)
    return rows
  }

/**
 * All rows of the journal, and which are refunds, which have their payment's id. Chosen here and not
 * by PostgreSQL, which would read on to the end for a page of what is rare. So with holds.
 */
const transfersAfter =
  (db: Kysely<any>): ReadPage<TransferOfPage> =>
  async (after, rowsMax) => {
    const { rows } = await sql<TransferOfPage>`
      select id, kind = 'reversal' as "isRefund" from ledger.transfer
      where id > ${after} order by id limit ${rowsMax}`.execute(db)
    return rows
  }

const holdsAfter =
  (db: Kysely<any>, ageMs: number): ReadPage<HoldOfPage> =>
  async (after, rowsMax) => {
    const { rows } = await sql<HoldOfPage>`
      select id, expires_at is not null as expires,
        state = 'open' and created_at < now() - ${`${ageMs} milliseconds`}::interval
          and (expires_at is null or expires_at > now()) as "isHeld"
      from ledger.hold where id > ${after} order by id limit ${rowsMax}`.execute(db)
    return rows
  }
