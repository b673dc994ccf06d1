/*
 * Goal: of several processes that send from one table, none waits for another, and none undoes what
 * another has done meanwhile.
 * Method: the statements themselves, over a real database, in the order in which it would hurt.
 */
import { randomUUID } from 'node:crypto'
import { migrateNotification } from '@payflow-app/migrations'
import { createTestDatabase, type TestDatabase } from '@payflow/testkit'
import { sql, type Kysely } from 'kysely'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { claimMails, type ClaimedMail } from '../src/sql/claim-mails.ts'
import { deferMail } from '../src/sql/defer-mail.ts'
import { giveUpMail } from '../src/sql/give-up-mail.ts'
import { insertMails } from '../src/sql/insert-mails.ts'
import { recordMailsSent } from '../src/sql/record-mails-sent.ts'
import { paymentMail } from './support/mail-room.ts'

const reader = { id: randomUUID(), email: 'ada@payflow.test', name: 'Ada' }
const all = { limit: 10, leaseMs: 60_000 }
const waits = { reason: 'busy', maybeTaken: false, counted: true }

let database: TestDatabase

beforeAll(async () => {
  database = await createTestDatabase({
    migrate: migrateNotification,
    cacheKey: 'payflow-notification',
  })
})
beforeEach(async () => {
  await sql`truncate mail_deliveries`.execute(database.db)
})
afterAll(() => database.dispose())

async function write(count = 1): Promise<void> {
  const mails = Array.from({ length: count }, () => paymentMail(reader))
  await database.db.transaction().execute((trx) => insertMails(trx, mails))
}

/** A mail whose lease has ended, so that it was claimed twice. */
async function takenOver(): Promise<readonly [late: ClaimedMail, holder: ClaimedMail]> {
  await write()
  const {
    mails: [late],
  } = await claimMails(database.db, { ...all, leaseMs: 0 })
  const {
    mails: [holder],
  } = await claimMails(database.db, all)
  return [late!, holder!]
}

interface Row {
  readonly state: string
  readonly leaseToken: string | null
  readonly reason: string | null
  /** Until it is due, seconds. */
  readonly waitS: number
}

async function row(db: Kysely<any> = database.db): Promise<Row | undefined> {
  const { rows } = await sql<Row>`
    select state, lease_token as "leaseToken", reason,
      extract(epoch from due_at - now())::float8 as "waitS"
    from mail_deliveries`.execute(db)
  return rows[0]
}

describe('claimMails', () => {
  it('passes over what somebody else is about to take', async () => {
    await write(2)
    await database.db.transaction().execute(async (trx) => {
      const one: Kysely<any> = trx
      const { mails: taken } = await claimMails(one, { ...all, limit: 1 })
      // Were it waited for, neither would ever end.
      const { mails: others } = await claimMails(database.db, all)
      expect(taken).toHaveLength(1)
      expect(others).toHaveLength(1)
      expect(others[0]?.id).not.toBe(taken[0]?.id)
    })
  })

  it('leaves what two processes died with to whoever takes it alone', async () => {
    await write(2)
    const died = { limit: 2, leaseMs: 0 }
    await claimMails(database.db, died)
    const { mails: twice } = await claimMails(database.db, died)
    expect(twice).toMatchObject([{ attempts: 2 }, { attempts: 2 }])
    const group = await claimMails(database.db, all)
    expect(group).toMatchObject({ mails: [], isSuspectDue: true })
    const { mails: first } = await claimMails(database.db, { ...all, suspectAlone: true })
    const { mails: second } = await claimMails(database.db, { ...all, suspectAlone: true })
    expect([...first, ...second].map(({ id }) => id).toSorted()).toEqual(
      twice.map(({ id }) => id).toSorted(),
    )
    expect(first).toMatchObject([{ attempts: 3 }])
    expect(await claimMails(database.db, all)).toEqual({ mails: [], isSuspectDue: false })
  })
})

describe('a process whose lease has ended', () => {
  it('does not put off what another has in hand', async () => {
    const [late, holder] = await takenOver()
    const { id, leaseToken } = late
    const times = { retryFirstMs: 1_000, retryMaxMs: 1_000 }
    await deferMail(database.db, { id, leaseToken, ...waits, ...times })
    expect(await row()).toMatchObject({ state: 'sending', leaseToken: holder.leaseToken })
  })

  it('does not give up what another has in hand, and is told so', async () => {
    const [late, holder] = await takenOver()
    const given = { id: late.id, reason: 'refused', maybeTaken: false }
    const { leaseToken } = late
    expect(await giveUpMail(database.db, { ...given, leaseToken })).toBeUndefined()
    expect(await row()).toMatchObject({ state: 'sending', leaseToken: holder.leaseToken })
  })

  it('records that the mail was taken all the same', async () => {
    const [late, holder] = await takenOver()
    await recordMailsSent(database.db, [late.id])
    expect(await row()).toMatchObject({ state: 'sent', leaseToken: null, reason: null })
    const { id, leaseToken } = holder
    await giveUpMail(database.db, { id, leaseToken, reason: 'refused', maybeTaken: false })
    expect(await row()).toMatchObject({ state: 'sent', reason: null })
  })
})

describe('deferMail', () => {
  it.each([
    [1, 30, 60],
    [2, 60, 120],
    [4, 240, 480],
    [5, 450, 900],
    [40, 450, 900],
  ])('after attempt %i waits for %i to %i seconds', async (attempts, leastS, mostS) => {
    await write()
    await sql`update mail_deliveries set attempts = ${attempts - 1}`.execute(database.db)
    const {
      mails: [mail],
    } = await claimMails(database.db, all)
    const { id, leaseToken } = mail!
    const times = { retryFirstMs: 60_000, retryMaxMs: 900_000 }
    // The clock of a transaction stands still.
    const deferred = await database.db.transaction().execute(async (trx) => {
      const one: Kysely<any> = trx
      await deferMail(one, { id, leaseToken, ...waits, ...times })
      return await row(one)
    })
    const { waitS = 0, ...rest } = deferred ?? {}
    expect(rest).toMatchObject({ state: 'pending', leaseToken: null, reason: 'busy' })
    expect(waitS).toBeLessThanOrEqual(mostS)
    expect(waitS).toBeGreaterThanOrEqual(leastS)
  })
})
