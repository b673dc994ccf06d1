/*
 * An auditor with access to every database, and to nothing else: no service is asked, so that what
 * is found does not depend on the code that is being checked.
 */
import { auditBooks } from '@payflow-app/operator/books'
import { createLedger } from '@payflow/ledger'
import type { DatabaseName, Stack } from '@payflow-app/stack'
import { Kysely, PostgresDialect, sql } from 'kysely'
import pg from 'pg'

/** Where the databases are: a running stack, or its like. */
export type Auditable = Pick<Stack, 'adminUrl'>

/** What is true of all payments together. */
export interface Audit {
  /** Debits less credits over all accounts: 0, or money was made or lost. */
  readonly imbalanceMinor: bigint
  /** What the ledger's own verification found. */
  readonly findings: readonly unknown[]
  readonly payments: number
  readonly pending: number
  readonly completed: number
  readonly failed: number
  readonly completedWithoutPosting: readonly string[]
  readonly failedWithPosting: readonly string[]
  readonly postedTwice: readonly string[]
  /** Payments of which the journal moved something else, or between others, than their row says. */
  readonly postedOtherwise: readonly string[]
  /** Ids under which money moved and that no payment has. */
  readonly postedWithoutPayment: readonly string[]
  /**
   * Ids under which money is held and that no payment has; not those of requests that were cut off
   * and are not decided, whose money frees itself.
   */
  readonly heldWithoutPayment: readonly string[]
  /** Payments of which more was refunded than was paid. */
  readonly refundedTwice: readonly string[]
  /** Holds still open although their payment is settled. */
  readonly heldThoughSettled: readonly string[]
  /** Payments whose events are no possible life of a payment, or not the one of their row. */
  readonly impossibleHistories: readonly string[]
  /** Kinds of event of which the tally behind the metrics counts another number than there are. */
  readonly miscounted: readonly string[]
}

/** What is true of one payment, wherever it left a trace. */
export interface PaymentFacts {
  readonly status: string | undefined
  readonly postings: number
  readonly notifications: number
}

/**
 * Audits everything, by the rules by which operators do (`payflow verify`), but for the time that a
 * request may take: what is held without a payment is told at once. What is stale is not told of by
 * itself; it is among the PENDING.
 */
export async function auditAll(stack: Auditable): Promise<Audit> {
  const open = new Map<string, Kysely<any>>()
  const book = (name: DatabaseName): Kysely<any> => {
    const db = open.get(name) ?? openDatabase(stack, name)
    open.set(name, db)
    return db
  }
  try {
    const audit = await auditBooks({ book }, { listMax: 10_000, requestMaxMs: 0 })
    const { faults, payments, pending, completed, failed, imbalanceMinor } = audit
    return {
      payments,
      pending,
      completed,
      failed,
      imbalanceMinor,
      findings: [...faults.ledger.listed, ...faults.unbalanced.listed],
      completedWithoutPosting: faults.completed_without_posting.listed,
      failedWithPosting: faults.failed_with_posting.listed,
      postedTwice: faults.posted_twice.listed,
      postedOtherwise: faults.posted_otherwise.listed,
      postedWithoutPayment: faults.posted_without_payment.listed,
      heldWithoutPayment: faults.held_without_payment.listed,
      refundedTwice: faults.refunded_twice.listed,
      heldThoughSettled: faults.held_though_settled.listed,
      impossibleHistories: faults.impossible_history.listed,
      miscounted: faults.miscounted.listed,
    }
  } finally {
    await Promise.all([...open.values()].map((db) => db.destroy()))
  }
}

/**
 * What {@link auditAll} must find when the promise holds and nothing is on its way: no request
 * either, for one that is has money held and no payment yet.
 */
export const SOUND = {
  imbalanceMinor: 0n,
  findings: [],
  pending: 0,
  completedWithoutPosting: [],
  failedWithPosting: [],
  postedTwice: [],
  postedOtherwise: [],
  postedWithoutPayment: [],
  heldWithoutPayment: [],
  refundedTwice: [],
  heldThoughSettled: [],
  impossibleHistories: [],
  miscounted: [],
} as const satisfies Partial<Audit>

/** What completed top-ups brought in, less what completed withdrawals took out; minor units. */
export async function fromBankMinor(stack: Auditable): Promise<number> {
  const [row] = await read<{ total: string | null }>(
    stack,
    'transaction',
    sql`select sum(case kind when 'top_up' then amount_minor else -amount_minor end) as total
        from payments where status = 'COMPLETED' and kind in ('top_up', 'withdrawal')`,
  )
  return Number(row?.total ?? 0)
}

export async function auditPayment(stack: Auditable, id: string): Promise<PaymentFacts> {
  const [payment] = await read<{ status: string }>(
    stack,
    'transaction',
    sql`select status from payments where id = ${id}`,
  )
  const [posted] = await read<{ times: number }>(
    stack,
    'wallet',
    sql`select count(*)::int as times from ledger.transfer
        where hold_id = ${id} or (id = ${id} and kind = 'reversal')`,
  )
  const [notified] = await read<{ times: number }>(
    stack,
    'notification',
    sql`select count(*)::int as times from notifications where payment_id = ${id}`,
  )
  return {
    status: payment?.status,
    postings: posted?.times ?? 0,
    notifications: notified?.times ?? 0,
  }
}

/** How one payment ended, and how often that was told. */
export interface PaymentEnd {
  readonly status: string
  readonly resolvedBy: string | null
  /** Events of its end in the outbox. */
  readonly events: number
  readonly postings: number
  readonly notifications: number
}

/** The ends of these payments, in the order of the ids. */
export async function auditEnds(stack: Auditable, of: readonly string[]): Promise<PaymentEnd[]> {
  const paid = await read<{ id: string; status: string; resolvedBy: string; events: number }>(
    stack,
    'transaction',
    sql`select id, status, resolved_by as "resolvedBy",
          (select count(*)::int from queue.outbox where key = payments.id::text
            and type in ('payments.completed', 'payments.failed')) as events
        from payments where id = any(${of}::uuid[])`,
  )
  const count = async (name: DatabaseName, table: string, column: string) => {
    const rows = await read<{ id: string; times: number }>(
      stack,
      name,
      sql`select ${sql.ref(column)} as id, count(*)::int as times from ${sql.table(table)}
          where ${sql.ref(column)} = any(${of}::uuid[]) group by 1`,
    )
    return new Map(rows.map(({ id, times }) => [id, times]))
  }
  const postings = await count('wallet', 'ledger.transfer', 'hold_id')
  const notifications = await count('notification', 'notifications', 'payment_id')
  const rows = new Map(paid.map(({ id, ...rest }) => [id, rest]))
  return of.map((id) => ({
    ...(rows.get(id) ?? { status: 'MISSING', resolvedBy: null, events: 0 }),
    postings: postings.get(id) ?? 0,
    notifications: notifications.get(id) ?? 0,
  }))
}

/** Posts the hold of a payment, as a worker does that dies before it can write that down. */
export async function postInLedger(stack: Auditable, id: string): Promise<void> {
  await withDatabase(stack, 'wallet', async (db) => {
    const { outcome } = await createLedger().capture(db, { holdId: id })
    if (outcome !== 'created') throw new Error(`capturing the hold was answered ${outcome}`)
  })
}

/** What became of every key, by the databases. */
export interface KeyAudit {
  /** The payment of each key that has one. */
  readonly payments: Readonly<Record<string, string>>
  /** Keys that were claimed and neither paid nor refused. */
  readonly undecided: readonly string[]
  /** Open holds under ids that no payment has: money that is blocked for nothing. */
  readonly heldWithoutPayment: readonly string[]
}

/** Reads what was decided for each Idempotency-Key. Keys are taken to be unique over all users. */
export async function auditKeys(stack: Auditable): Promise<KeyAudit> {
  const claims = await read<{ key: string; paymentId: string | null; refused: boolean }>(
    stack,
    'transaction',
    sql`select c.key, p.id as "paymentId", c.refusal is not null as refused
        from payment_claims c left join payments p on p.id = c.payment_id`,
  )
  const held = await read<{ id: string }>(
    stack,
    'wallet',
    sql`select id from ledger.hold where state = 'open'`,
  )
  const paid = new Set(claims.map(({ paymentId }) => paymentId))
  return {
    payments: Object.fromEntries(
      claims.flatMap(({ key, paymentId }) => (paymentId === null ? [] : [[key, paymentId]])),
    ),
    undecided: claims
      .filter(({ paymentId, refused }) => (paymentId !== null) === refused)
      .map(({ key }) => key),
    heldWithoutPayment: ids(held.filter(({ id }) => !paid.has(id))),
  }
}

function read<T>(
  stack: Auditable,
  name: DatabaseName,
  query: ReturnType<typeof sql>,
): Promise<readonly T[]> {
  return withDatabase(stack, name, async (db) => (await query.execute(db)).rows as readonly T[])
}

async function withDatabase<T>(
  stack: Auditable,
  name: DatabaseName,
  work: (db: Kysely<any>) => Promise<T>,
): Promise<T> {
  const db = openDatabase(stack, name)
  try {
    return await work(db)
  } finally {
    await db.destroy()
  }
}

function openDatabase(stack: Auditable, name: DatabaseName): Kysely<any> {
  const pool = new pg.Pool({ connectionString: stack.adminUrl(name), max: 2 })
  pool.on('error', () => undefined)
  return new Kysely<any>({ dialect: new PostgresDialect({ pool }) })
}

function ids(rows: readonly { readonly id: string }[]): string[] {
  return rows.map((row) => row.id)
}
