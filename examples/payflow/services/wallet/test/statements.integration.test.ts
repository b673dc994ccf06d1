// Statements over real HTTP from the real ledger: every line once, with the balance after it, and
// nobody else's.
import { randomUUID } from 'node:crypto'
import { SANDBOX_BANK_ID, statementPage } from '@payflow-app/contracts'
import { createLedger } from '@payflow/ledger'
import { expectProblem, send } from '@payflow-app/testing'
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { sandboxBankAccountId, walletAccountId } from '../src/account-ids.ts'
import { readWholeStatement } from '../src/statement.ts'
import { paymentOf, Wallets, type Payment } from './support/wallets.ts'

let wallets: Wallets

beforeAll(async () => {
  wallets = await Wallets.start()
})
afterAll(async () => {
  await wallets[Symbol.asyncDispose]()
})

async function execute(payment: Payment): Promise<Payment> {
  await wallets.hold(payment)
  const { status } = await wallets.transfer(payment)
  if (status !== 200) throw new Error(`the transfer answered ${status}`)
  return payment
}

async function read(userId: string, query = '', as = userId) {
  const token = await wallets.issuer.accessToken(as)
  return await wallets.get(`/wallets/${userId}/statement${query}`, token)
}

/** A user with an opening credit, a payment each way, a top-up, a withdrawal and a refund. */
async function busy() {
  const [user = '', other = ''] = await wallets.users(2)
  const sent = await execute(paymentOf(user, other, 700))
  const received = await execute(paymentOf(other, user, 50))
  const topUp = await execute({ ...paymentOf(SANDBOX_BANK_ID, user, 2_000), kind: 'top_up' })
  const withdrawal = await execute({ ...paymentOf(user, SANDBOX_BANK_ID, 300), kind: 'withdrawal' })
  const refund = randomUUID()
  await wallets.refund(sent, 200, refund)
  const ids = [sent, received, topUp, withdrawal].map(({ transferId }) => transferId)
  return { user, other, ids: [null, ...ids, refund] }
}

describe('GET /wallets/:userId/statement', () => {
  it('has every movement in its order, with the balance after it', async () => {
    const { user, other, ids } = await busy()
    const { status, body } = await read(user)
    expect(status).toBe(200)
    const page = statementPage.parse(body)
    expect(page).toMatchObject({
      currency: 'USD',
      opening: 0,
      summary: { opening: 0, closing: 101_250, moneyIn: 102_250, moneyOut: 1_000, lines: 6 },
      nextCursor: null,
    })
    const { items } = page
    expect(items.map(({ no, kind, amount, balance }) => [no, kind, amount, balance])).toEqual([
      [1, 'opening_credit', 100_000, 100_000],
      [2, 'payment', -700, 99_300],
      [3, 'payment', 50, 99_350],
      [4, 'top_up', 2_000, 101_350],
      [5, 'withdrawal', -300, 101_050],
      [6, 'refund', 200, 101_250],
    ])
    const bank = SANDBOX_BANK_ID
    expect(items.map((line) => line.counterpartyId)).toEqual([
      null,
      other,
      other,
      bank,
      bank,
      other,
    ])
    expect(items.map((line) => line.transactionId)).toEqual(ids)
  })

  it.each([1, 2, 5, 6, 100])(
    'joins pages of %i without a gap, while more is written',
    async (limit) => {
      const { user, other, ids } = await busy()
      const lines: { transactionId: string | null }[] = []
      let [query, balance] = ['', 0]
      for (;;) {
        const { body } = await read(user, `?limit=${limit}${query}`)
        expect(body.opening).toBe(balance)
        expect(body.summary === null).toBe(query !== '')
        lines.push(...body.items)
        balance = body.items.at(-1).balance
        if (body.nextCursor === null) break
        if (lines.length < 4) ids.push((await execute(paymentOf(other, user, 1))).transferId)
        query = `&cursor=${body.nextCursor}`
      }
      expect(lines.map((line) => line.transactionId)).toEqual(ids)
    },
  )

  it('begins and ends where it is asked to', async () => {
    const { user } = await busy()
    const { items } = (await read(user)).body
    const [from, to] = [items[2].at, items[4].at]
    const { body } = await read(user, `?from=${from}&to=${to}`)
    const inside = items.filter(({ at }: { at: string }) => at >= from && at < to)
    expect(body.items).toEqual(inside)
    expect(body.summary.lines).toBe(inside.length)
    expect(body.summary.closing).toBe(inside.at(-1)?.balance ?? body.opening)
    const instant = await read(user, `?from=${from}&to=${from}`)
    expect(instant).toMatchObject({ status: 200, body: { items: [], summary: { lines: 0 } } })
    const later = await read(user, '?from=2100-01-01T00:00:00Z')
    expect(later.body).toMatchObject({ opening: 101_250, items: [], nextCursor: null })
  })

  it('refuses faulty queries, and everybody but its owner', async () => {
    const { user, other } = await busy()
    const cursor = (place: unknown) => Buffer.from(JSON.stringify(place)).toString('base64url')
    for (const query of [
      '?from=yesterday',
      '?from=1969-12-31T23:59:59Z',
      '?to=0001-01-01T00:00:00Z',
      '?from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z',
      '?limit=0',
      '?cursor=x',
      ...[0, '0', '-1', '9999999999999', '1.5', 1].map((place) => `?cursor=${cursor(place)}`),
    ]) {
      expectProblem(await read(user, query), 400, 'validation_failed', query)
    }
    for (const path of ['', '.csv']) {
      expectProblem(await read(user, path, other), 404, 'not_found')
      const service = await wallets.get(`/wallets/${user}/statement${path}`)
      expectProblem(service, 401, 'unauthenticated')
      const nobody = randomUUID()
      expectProblem(await read(nobody, path), 404, 'not_found')
    }
  })
})

describe('GET /wallets/:userId/statement.csv', () => {
  it('is the same as a table', async () => {
    const { user, other, ids } = await busy()
    const token = await wallets.issuer.accessToken(user)
    const path = `/wallets/${user}/statement.csv`
    const answer = await fetch(wallets.service.url + path, {
      headers: { authorization: `Bearer ${token}` },
    })
    expect(answer.headers.get('content-type')).toBe('text/csv; charset=utf-8')
    expect(answer.headers.get('content-disposition')).toBe('attachment; filename="statement.csv"')
    const text = await answer.text()
    const lines = text.trimEnd().split('\r\n')
    expect(lines[0]).toBe('Date,Type,Other party,Transaction,Amount,Balance,Currency')
    expect(lines[1]).toBe(',opening balance,,,,0.00,USD')
    expect(lines[3]).toMatch(new RegExp(`Z,payment,${other},${ids[1]},-7.00,993.00,USD$`))
    expect(lines[5]).toMatch(new RegExp(`Z,top up,${SANDBOX_BANK_ID},${ids[3]},20.00,1013.50,USD$`))
    expect(lines.at(-1)).toBe(',closing balance,,,,1012.50,USD')
    expect(lines).toHaveLength(1 + 6 + 2)
  })

  it('is whole or refused', async () => {
    const [user = ''] = await wallets.users(1)
    await execute({ ...paymentOf(SANDBOX_BANK_ID, user, 1), kind: 'top_up' })
    const { db } = wallets.database
    const parties = {
      debitAccountId: sandboxBankAccountId('USD'),
      creditAccountId: walletAccountId(user, 'USD'),
    }
    const more = (count: number) =>
      createLedger().transferMany(
        db,
        Array.from({ length: count }, () => {
          return { id: randomUUID(), ...parties, amountMinor: 1n, currency: 'USD', code: 'top_up' }
        }),
      )
    for (let left = 9_998; left > 0; left -= 3_333) await more(Math.min(left, 3_333))
    const { rows } = await sql<{ lines: number }>`select count(*)::int as lines
      from ledger.transfer where credit_id = ${parties.creditAccountId}`.execute(db)
    expect(rows).toEqual([{ lines: 10_000 }])
    const token = await wallets.issuer.accessToken(user)
    const ask = () =>
      fetch(`${wallets.service.url}/wallets/${user}/statement.csv`, {
        headers: { authorization: `Bearer ${token}` },
      })
    const whole = await (await ask()).text()
    expect(whole.trimEnd().split('\r\n')).toHaveLength(10_000 + 3)
    await more(1)
    const url = `${wallets.service.url}/wallets/${user}/statement.csv`
    expectProblem(await send(url, { token }), 422, 'statement_too_long')
    // At once: neither the lines behind the first page are read nor whose wallets they name.
    let statements = 0
    const counting = db.withPlugin({
      transformQuery: ({ node }) => node,
      async transformResult({ result }) {
        statements += 1
        return result
      },
    })
    const reading = readWholeStatement({ db: counting, ledger: createLedger() }, { userId: user })
    await expect(reading).rejects.toMatchObject({ problemCode: 'statement-too-long' })
    expect(statements).toBe(2)
  })
})
