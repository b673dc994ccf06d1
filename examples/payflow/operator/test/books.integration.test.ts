/*
 * Goal: an audit finds every fault that it names, and nothing in books that are right.
 * Method: books of every kind of payment in real databases, without any service; one thing is put
 * wrong at a time, by a bare ledger or past the guards.
 */
import { sql } from 'kysely'
import { describe, expect, it } from 'vitest'
import { auditBooks, type BookAudit, type BookFault } from '../src/books/index.ts'
import {
  BANK,
  BOB,
  capture,
  EVE,
  hold,
  openBookkeeping,
  PAID,
  REFUND,
  TOP_UP,
  WITHDRAWAL,
  writePayment,
  type Bookkeeping,
} from './support/bookkeeping.ts'

/** Something that is put wrong. */
interface Wrong {
  readonly what: string
  /** Puts it wrong; says what has to be listed, or the beginning of it. */
  plant(books: Bookkeeping): Promise<string>
  /** What else is wrong then. */
  readonly also?: readonly BookFault[]
}

/** Lets the row of a payment say something else. */
const rowSays = (id: string, change: string) => async (books: Bookkeeping) => {
  await sql`update payments set ${sql.raw(change)} where id = ${id}`.execute(books.transaction)
  return `${id}: `
}

const wrongs: Partial<Record<BookFault, readonly [Wrong, ...Wrong[]]>> = {
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
    const audit = await auditBooks(books.books)
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
    const audit = await auditBooks(books.books)
    expect(foundIn(audit)).toEqual([fault, ...also].toSorted())
    expect(audit.faults[fault].listed).toEqual([expect.stringMatching(`^${subject}`)])
    expect(audit.sound).toBe(false)
  })
})
