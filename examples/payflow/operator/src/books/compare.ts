import { sql, type Kysely } from 'kysely'
import type { AddFault, AuditOptions } from './audit-books.ts'
import type { Books } from './index.ts'
import { differencesOf, readPosted, type Movement } from './posted.ts'

/** Payments by how they stand. */
export interface Compared {
  readonly payments: number
  readonly pending: number
  readonly completed: number
  readonly failed: number
}

const PAGE_ROWS = 2_000

/** Longer than any deadline of a request, with the time that its twins and retries may take. */
const REQUEST_MAX_MS = 120_000

interface HeldOfPage {
  readonly id: string
  /** Whether it frees itself. */
  readonly expires: boolean
}

interface PaymentOfPage extends Movement {
  readonly id: string
  readonly status: string
}

/**
 * Holds every payment against the ledger. The payments of a page are read first: the ledger decides
 * before a payment ends, so what a row says that has ended must be there by then.
 */
export async function comparePayments(
  books: Books,
  { onProgress = () => undefined, signal }: AuditOptions,
  add: AddFault,
): Promise<Compared> {
  const counts = { payments: 0, pending: 0, completed: 0, failed: 0 }
  for await (const page of pagesOf<PaymentOfPage>(paymentsAfter(books.book('transaction')))) {
    signal?.throwIfAborted()
    const ids = page.map(({ id }) => id)
    const postings = await readPosted(books.book('wallet'), ids)
    const held = await openHolds(books.book('wallet'), ids)
    for (const payment of page) {
      const { id, status } = payment
      counts.payments += 1
      counts[status.toLowerCase() as 'pending' | 'completed' | 'failed'] += 1
      const posted = postings.get(id)
      if (status === 'COMPLETED' && !posted) add('completed_without_posting', id)
      if (status === 'FAILED' && posted) add('failed_with_posting', id)
      if (posted && posted.times > 1) add('posted_twice', id)
      // Of one that was posted in parts it is told that it was; no part is all of it.
      const differences = posted?.times === 1 ? differencesOf(payment, posted) : []
      if (differences.length > 0) add('posted_otherwise', `${id}: ${differences.join('; ')}`)
      if (status !== 'PENDING' && held.has(id)) add('held_though_settled', id)
    }
    onProgress(`comparing payments with the ledger: ${counts.payments}`)
  }
  return counts
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
  { requestMaxMs = REQUEST_MAX_MS, onProgress = () => undefined, signal }: AuditOptions,
  add: AddFault,
): Promise<{ readonly cutOff: number }> {
  const wallet = books.book('wallet')
  const transaction = books.book('transaction')
  let seen = 0
  for await (const page of pagesOf<{ id: string }>(postedAfter(wallet))) {
    signal?.throwIfAborted()
    for (const id of await unpaidOf(transaction, page)) add('posted_without_payment', id)
    onProgress(`comparing the ledger with payments: ${(seen += page.length)}`)
  }
  let cutOff = 0
  for await (const page of pagesOf<HeldOfPage>(heldAfter(wallet, requestMaxMs))) {
    signal?.throwIfAborted()
    for (const { id, isCutOff } of await undecidedOf(transaction, page, requestMaxMs)) {
      if (isCutOff) cutOff += 1
      else add('held_without_payment', id)
    }
  }
  return { cutOff }
}

async function unpaidOf(
  db: Kysely<any>,
  page: readonly { readonly id: string }[],
): Promise<readonly string[]> {
  const { rows } = await sql<{ id: string }>`
    select ids.id from unnest(${page.map(({ id }) => id)}::uuid[]) as ids (id)
    where not exists (select from payments where payments.id = ids.id)`.execute(db)
  return rows.map(({ id }) => id)
}

/**
 * Which of these holds have no payment, and whether their request was cut off. Of a refusal that is
 * younger than a request may be, the hold is not judged: what a twin holds is released after it.
 */
async function undecidedOf(
  db: Kysely<any>,
  page: readonly HeldOfPage[],
  requestMaxMs: number,
): Promise<readonly { readonly id: string; readonly isCutOff: boolean }[]> {
  const { rows } = await sql<{ id: string; isCutOff: boolean }>`
    select held.id, held.expires and claim.payment_id is not null and claim.refused_at is null
      as "isCutOff"
    from unnest(${page.map(({ id }) => id)}::uuid[],
      ${page.map(({ expires }) => expires)}::boolean[]) as held (id, expires)
    left join payment_claims as claim on claim.payment_id = held.id
    where not exists (select from payments where payments.id = held.id)
      and (claim.refused_at is null
        or claim.refused_at < now() - ${`${requestMaxMs} milliseconds`}::interval)`.execute(db)
  return rows
}

type ReadPage<T> = (after: string) => Promise<readonly T[]>

const BEFORE_ALL = '00000000-0000-0000-0000-000000000000'

/** Page after page, by id: however many there are, one page is held. */
async function* pagesOf<T extends { readonly id: string }>(
  read: ReadPage<T>,
): AsyncGenerator<readonly T[]> {
  let after = BEFORE_ALL
  for (;;) {
    const page = await read(after)
    const last = page.at(-1)
    if (last === undefined) return
    yield page
    after = last.id
  }
}

const paymentsAfter =
  (db: Kysely<any>): ReadPage<PaymentOfPage> =>
  async (after) => {
    const { rows } = await sql<PaymentOfPage>`
      select id, status, kind, amount_minor::text as "amountMinor", currency,
        from_user_id as "fromUserId", to_user_id as "toUserId", refund_of as "refundOf"
      from payments where id > ${after} order by id limit ${PAGE_ROWS}`.execute(db)
    return rows
  }

/** Under which ids money has moved for payments: the hold's, or a refund's own. */
const postedAfter =
  (db: Kysely<any>): ReadPage<{ id: string }> =>
  async (after) => {
    const { rows } = await sql<{ id: string }>`
      select id from (
        (select distinct hold_id as id from ledger.transfer
          where hold_id > ${after} order by hold_id limit ${PAGE_ROWS})
        union
        (select id from ledger.transfer
          where kind = 'reversal' and id > ${after} order by id limit ${PAGE_ROWS})
      ) as posted order by id limit ${PAGE_ROWS}`.execute(db)
    return rows
  }

const heldAfter =
  (db: Kysely<any>, ageMs: number): ReadPage<HeldOfPage> =>
  async (after) => {
    const { rows } = await sql<HeldOfPage>`
      select id, expires_at is not null as expires from ledger.hold
      where state = 'open' and id > ${after}
        and created_at < now() - ${`${ageMs} milliseconds`}::interval
        and (expires_at is null or expires_at > now())
      order by id limit ${PAGE_ROWS}`.execute(db)
    return rows
  }

/** Which of these ids still hold money. */
async function openHolds(db: Kysely<any>, ids: readonly string[]): Promise<ReadonlySet<string>> {
  const { rows } = await sql<{ id: string }>`
    select id from ledger.hold where id = any(${ids}::uuid[]) and state = 'open'`.execute(db)
  return new Set(rows.map(({ id }) => id))
}
