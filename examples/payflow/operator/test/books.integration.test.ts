/*
 * Goal: an audit finds every fault that it names, and nothing in books that are right.
 * Method: books of every kind of payment in real databases, without any service; one thing is put
 * wrong at a time, by a bare ledger or past the guards.
 */
import { randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import { describe, expect, it } from 'vitest'
import { auditBooks, type BookAudit, type BookFault, type Books } from '../src/books/index.ts'
import {
  ACCOUNTS,
  ADA,
  BANK,
  BOB,
  capture,
  EVE,
  forge,
  hold,
  openBookkeeping,
  PAID,
  PAID_BACK,
  PENDING,
  REFUND,
  reverse,
  TOP_UP,
  WITHDRAWAL,
  writeClaim,
  writePayment,
  type Bookkeeping,
} from './support/bookkeeping.ts'

// Seven payments are more than two pages.
const NOTHING_UNDER_WAY = { requestMaxMs: 0, pageRows: 3 }

/** Something that is put wrong. */
interface Wrong {
  readonly what: string
  /** Puts it wrong; says what has to be listed, or the beginning of it. */
  plant(books: Bookkeeping): Promise<string>
  /** What else is wrong then. */
  readonly also?: readonly BookFault[]
}

const refundOf = (payment: string, amountMinor: bigint) =>
  ({
    id: randomUUID(),
    kind: 'refund',
    from: BOB,
    to: ADA,
    amountMinor,
    refundOf: payment,
  }) as const

/** Lets the row of a payment say something else. */
const rowSays = (id: string, change: string) => async (books: Bookkeeping) => {
  await sql`update payments set ${sql.raw(change)} where id = ${id}`.execute(books.transaction)
  return `${id}: `
}

/** A fault that is not here does not compile. */
const wrongs: Readonly<Record<BookFault, readonly [Wrong, ...Wrong[]]>> = {
  unbalanced: [
    {
      what: 'a counter of an account',
      plant: async ({ wallet }) => {
        await forge(
          wallet,
          sql`update ledger.account set posted_credits_minor = posted_credits_minor + 7
            where id = ${ACCOUNTS[ADA]}`,
        )
        return 'USD: -7'
      },
      also: ['ledger'],
    },
  ],
  ledger: [
    {
      what: 'a sum of refunds',
      plant: async ({ wallet }) => {
        await forge(
          wallet,
          sql`update ledger.reversal_total set reversed_minor = 21
            where transfer_id = ${PAID_BACK}`,
        )
        return `reversal_mismatch ${PAID_BACK} reversed_minor: 21, not 20`
      },
    },
  ],
  completed_without_posting: [
    {
      what: 'a payment that was only written',
      plant: ({ transaction }) => writePayment(transaction, {}, 'COMPLETED'),
    },
    {
      what: 'a refund that was only written',
      plant: ({ transaction }) => writePayment(transaction, refundOf(PAID, 1n), 'COMPLETED'),
    },
  ],
  failed_with_posting: [
    {
      what: 'a payment that moved all the same',
      plant: async ({ transaction, wallet }) => {
        const id = await hold(wallet, {})
        await capture(wallet, id)
        return await writePayment(transaction, { id }, 'FAILED')
      },
    },
  ],
  posted_twice: [
    {
      what: 'a hold that was posted in two parts',
      plant: async ({ transaction, wallet }) => {
        const id = await hold(wallet, { amountMinor: 10n })
        await capture(wallet, id, { id, amountMinor: 4n })
        await capture(wallet, id, { id: randomUUID(), amountMinor: 6n })
        return await writePayment(transaction, { id, amountMinor: 10n }, 'COMPLETED')
      },
    },
  ],
  posted_otherwise: [
    { what: 'an amount', plant: rowSays(PAID, 'amount_minor = amount_minor + 1') },
    { what: 'a currency', plant: rowSays(PAID, `currency = 'EUR'`) },
    { what: 'a sender', plant: rowSays(PAID, `from_user_id = '${EVE}'`) },
    { what: 'a recipient', plant: rowSays(PAID, `to_user_id = '${EVE}'`) },
    { what: 'a refund of another payment', plant: rowSays(REFUND, `refund_of = '${PAID}'`) },
    { what: 'a top-up that calls itself a payment', plant: rowSays(TOP_UP, `kind = 'payment'`) },
    { what: 'a withdrawal of another', plant: rowSays(WITHDRAWAL, `from_user_id = '${EVE}'`) },
    {
      what: 'a withdrawal that went to somebody',
      plant: async ({ transaction, wallet }) => {
        const id = await hold(wallet, { to: BOB })
        await capture(wallet, id)
        await writePayment(transaction, { id, kind: 'withdrawal', to: BANK }, 'COMPLETED')
        return `${id}: kind is withdrawal, posted payment; toUserId is ${BANK}, posted ${BOB}`
      },
    },
    {
      what: 'an amount of what is not ended yet',
      plant: async ({ transaction, wallet }) => {
        const id = await hold(wallet, { amountMinor: 7n })
        await capture(wallet, id)
        await writePayment(transaction, { id, amountMinor: 700n }, 'PENDING')
        return `${id}: amountMinor is 700, posted 7`
      },
    },
  ],
  held_though_settled: [
    {
      what: 'a payment that failed',
      plant: async ({ transaction, wallet }) =>
        writePayment(transaction, { id: await hold(wallet, {}) }, 'FAILED'),
    },
  ],
  posted_without_payment: [
    {
      what: 'a hold that was posted',
      plant: async ({ wallet }) => {
        const id = await hold(wallet, {})
        await capture(wallet, id)
        return id
      },
    },
    { what: 'a refund', plant: ({ wallet }) => reverse(wallet, PAID, { amountMinor: 1n }) },
  ],
  held_without_payment: [
    { what: 'what nobody has asked for', plant: ({ wallet }) => hold(wallet, {}) },
    {
      what: 'what was refused',
      plant: async ({ transaction, wallet }) => {
        const id = await hold(wallet, {})
        await writeClaim(transaction, id, { isRefused: true })
        return id
      },
    },
    {
      what: 'what is not decided, and never frees itself',
      plant: async ({ transaction, wallet }) => {
        const id = await hold(wallet, {}, null)
        await writeClaim(transaction, id)
        return id
      },
    },
  ],
  refunded_twice: [
    {
      what: 'more refunds than there was to refund',
      plant: async ({ transaction }) => {
        await writePayment(transaction, refundOf(PAID_BACK, 31n), 'COMPLETED')
        return PAID_BACK
      },
      also: ['completed_without_posting'],
    },
    {
      what: 'reversals beyond what was posted',
      plant: async ({ transaction, wallet }) => {
        const refund = refundOf(PAID, 50n)
        await reverse(wallet, PAID, refund)
        await writePayment(transaction, refund, 'COMPLETED')
        await forge(
          wallet,
          sql`update ledger.transfer set amount_minor = 51 where id = ${refund.id}`,
        )
        return PAID
      },
      also: ['ledger', 'posted_otherwise'],
    },
  ],
  impossible_history: [
    {
      what: 'an end without its event',
      plant: async ({ transaction }) => {
        await forge(
          transaction,
          sql`delete from payment_events where payment_id = ${PAID} and type = 'completed'`,
        )
        return PAID
      },
    },
    {
      what: 'the events of no payment',
      plant: async ({ transaction }) => {
        const id = randomUUID()
        await sql`insert into payment_events (payment_id, type, at)
          values (${id}, 'accepted', now())`.execute(transaction)
        return id
      },
    },
    {
      what: 'a payment without events',
      plant: async ({ transaction }) => {
        await forge(transaction, sql`delete from payment_events where payment_id = ${PENDING}`)
        return PENDING
      },
    },
  ],
  miscounted: [
    {
      what: 'a payment that the tally has forgotten',
      plant: async ({ transaction }) => {
        await sql`delete from payment_tally where event = 'failed'`.execute(transaction)
        return 'failed'
      },
    },
  ],
  stale: [
    {
      what: 'a payment that nobody ends',
      plant: async ({ transaction, wallet }) => {
        const deal = { id: await hold(wallet, {}), createdAt: new Date(Date.now() - 3_600_000) }
        return await writePayment(transaction, deal, 'PENDING')
      },
    },
  ],
}

/** The kinds of fault that were found. */
function foundIn({ faults }: BookAudit): BookFault[] {
  const kinds = Object.keys(faults) as BookFault[]
  return kinds.filter((fault) => faults[fault].count > 0).toSorted()
}

const rows = Object.entries(wrongs).flatMap(([fault, plants]) =>
  plants.map((wrong) => ({ ...wrong, fault: fault as BookFault })),
)

describe('auditBooks', () => {
  it('finds nothing where nothing is wrong', async () => {
    await using books = await openBookkeeping()
    const audit = await auditBooks(books.books, NOTHING_UNDER_WAY)
    expect(foundIn(audit)).toEqual([])
    expect(audit).toMatchObject({
      sound: true,
      payments: 7,
      completed: 5,
      failed: 1,
      pending: 1,
      imbalanceMinor: 0n,
      // Two opening credits, and one for each payment that is COMPLETED.
      transfers: 7n,
    })
  })

  it.each(rows)('finds $fault: $what', async ({ fault, plant, also = [] }) => {
    await using books = await openBookkeeping()
    const subject = await plant(books)
    const audit = await auditBooks(books.books, NOTHING_UNDER_WAY)
    expect(foundIn(audit)).toEqual([fault, ...also].toSorted())
    expect(audit.faults[fault].listed).toEqual([expect.stringMatching(`^${subject}`)])
    expect(audit.sound).toBe(false)
  })

  it('counts what it does not list', async () => {
    await using books = await openBookkeeping()
    for (let no = 0; no < 3; no += 1) await hold(books.wallet, {})
    const { faults } = await auditBooks(books.books, { ...NOTHING_UNDER_WAY, listMax: 2 })
    expect(faults.held_without_payment).toMatchObject({ count: 3, listed: { length: 2 } })
  })

  it('never asks for more than a page, whatever is wrong', async () => {
    await using books = await openBookkeeping()
    const { transaction, wallet } = books
    const createdAt = new Date(0)
    for (let no = 0; no < 4; no += 1) {
      await writePayment(transaction, { id: await hold(wallet, {}), createdAt }, 'PENDING')
      const id = await writePayment(transaction, {}, 'COMPLETED')
      await writePayment(transaction, refundOf(id, 11n), 'COMPLETED')
      await forge(transaction, sql`delete from payment_events where payment_id = ${id}`)
      await hold(wallet, {})
      await reverse(wallet, PAID, { amountMinor: 1n })
    }
    let rowsMax = 0
    const book = (name: 'transaction' | 'wallet') =>
      books[name].withPlugin({
        transformQuery: ({ node }) => node,
        transformResult: ({ result }) => {
          rowsMax = Math.max(rowsMax, result.rows.length)
          return Promise.resolve(result)
        },
      })
    const seen: Books = { book: (name) => book(name === 'wallet' ? 'wallet' : 'transaction') }
    const { faults } = await auditBooks(seen, NOTHING_UNDER_WAY)
    expect(faults).toMatchObject({
      stale: { count: 4 },
      refunded_twice: { count: 4 },
      impossible_history: { count: 4 },
      completed_without_posting: { count: 8 },
      held_without_payment: { count: 4 },
      posted_without_payment: { count: 4 },
    })
    expect(rowsMax).toBe(NOTHING_UNDER_WAY.pageRows)
  })

  it('calls a request that was cut off no fault: what it holds frees itself', async () => {
    await using books = await openBookkeeping()
    await writeClaim(books.transaction, await hold(books.wallet, {}))
    // Cut off before it held anything.
    await writeClaim(books.transaction, randomUUID())
    const audit = await auditBooks(books.books, NOTHING_UNDER_WAY)
    expect(foundIn(audit)).toEqual([])
    expect(audit).toMatchObject({ sound: true, cutOff: 1 })
  })

  it('leaves a refusal the time to free what a twin of its request holds', async () => {
    await using books = await openBookkeeping()
    const id = await hold(books.wallet, {})
    await writeClaim(books.transaction, id, { isRefused: true })
    await forge(
      books.wallet,
      sql`update ledger.hold set created_at = now() - interval '1 hour' where id = ${id}`,
    )
    expect(await auditBooks(books.books)).toMatchObject({ sound: true, cutOff: 0 })
  })

  it('leaves a request the time to write the payment that it holds money for', async () => {
    await using books = await openBookkeeping()
    await hold(books.wallet, {})
    expect(await auditBooks(books.books)).toMatchObject({ sound: true })
  })
})
