/* The examples work as they stand, and the README shows exactly them. */
import { generateKeyPairSync, randomUUID } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createTestDatabase, temporaryFolder } from '@payflow/testkit'
import { describe, expect, test } from 'vitest'
import { checkExport, exportJournal } from '../examples/export-and-check.ts'
import { connect, firstTransfer } from '../examples/first-transfer.ts'
import { moveBalances } from '../examples/move-balances.ts'
import { payOrder } from '../examples/pay-an-order.ts'
import { refund, sell } from '../examples/sell-and-refund.ts'
import { ed25519Signer } from '../src/index.ts'
import { openFixture } from './support/fixture.ts'

const read = (path: string) => readFileSync(new URL(`../${path}`, import.meta.url), 'utf8')

describe('examples', () => {
  test('first-transfer begins with an empty database', async () => {
    await using database = await createTestDatabase()
    const db = connect(database.url)
    expect(await firstTransfer(db)).toMatchObject({
      balanceMinor: 10_000n,
      availableMinor: 10_000n,
    })
    await db.destroy()
  })

  test('pay-an-order pays once, refuses what is not covered, and rolls back as a whole', async () => {
    const fx = await openFixture()
    await fx.database.pool.query('create table orders (id uuid primary key, paid boolean)')
    const [buyerId, sellerId] = [await fx.wallet(1_000n), await fx.wallet()]
    const order = { id: randomUUID(), buyerId, sellerId, totalMinor: 900n }
    await fx.database.pool.query('insert into orders values ($1, false)', [order.id])
    expect(await payOrder(fx.db, fx.ledger, order)).toBe('paid')
    expect(await payOrder(fx.db, fx.ledger, order)).toBe('paid')
    expect(await fx.balanceMinor(sellerId)).toBe(900n)
    const another = { ...order, id: randomUUID() }
    expect(await payOrder(fx.db, fx.ledger, another)).toBe('insufficient_funds')
    expect(await payOrder(fx.db, fx.ledger, { ...order, totalMinor: 800n })).toBe('conflict')

    await fx.database.pool.query('drop table orders')
    const small = { ...order, id: randomUUID(), totalMinor: 10n }
    await expect(payOrder(fx.db, fx.ledger, small)).rejects.toMatchObject({ code: '42P01' })
    expect(await fx.balanceMinor(sellerId)).toBe(900n)
    await fx.close()
  })

  test('pay-an-order does not call an order paid of which only a part was captured', async () => {
    const fx = await openFixture()
    await fx.database.pool.query('create table orders (id uuid primary key, paid boolean)')
    const [buyerId, sellerId] = [await fx.wallet(1_000n), await fx.wallet()]
    const order = { id: randomUUID(), buyerId, sellerId, totalMinor: 900n }
    await fx.database.pool.query('insert into orders values ($1, false)', [order.id])
    const sides = { debitAccountId: buyerId, creditAccountId: sellerId, currency: 'USD' }
    const expiresInMs = 24 * 3_600_000
    await fx.ledger.hold(fx.db, { id: order.id, ...sides, amountMinor: 900n, expiresInMs })
    await fx.ledger.capture(fx.db, { holdId: order.id, amountMinor: 400n })
    expect(await payOrder(fx.db, fx.ledger, order)).toBe('conflict')
    const { rows } = await fx.database.pool.query('select paid from orders')
    expect(rows).toEqual([{ paid: false }])
    await fx.close()
  })

  test('sell-and-refund takes a fee with the price, and never gives back more than it took', async () => {
    const fx = await openFixture()
    const [buyerId, sellerId, feesId] = [
      await fx.wallet(1_000n),
      await fx.wallet(),
      await fx.wallet(),
    ]
    const ids = { id: randomUUID(), paymentId: randomUUID(), feeId: randomUUID() }
    const sale = { ...ids, buyerId, sellerId, feesId, priceMinor: 900n, feeMinor: 30n }
    expect(await sell(fx.db, fx.ledger, sale)).toBe('created')
    expect(await sell(fx.db, fx.ledger, sale)).toBe('replayed')
    const again = { id: randomUUID(), paymentId: randomUUID(), feeId: randomUUID() }
    expect(await sell(fx.db, fx.ledger, { ...sale, ...again })).toBe('insufficient_funds in leg 0')
    const { paymentId } = sale
    const part = { id: randomUUID(), paymentId, amountMinor: 500n }
    expect(await refund(fx.db, fx.ledger, part)).toBe('created')
    const more = { id: randomUUID(), paymentId, amountMinor: 500n }
    expect(await refund(fx.db, fx.ledger, more)).toBe('exceeds_original')
    expect(await fx.balanceMinor(buyerId)).toBe(600n)
    expect(await fx.balanceMinor(sellerId)).toBe(370n)
    await fx.closeSound()
  })

  test('move-balances brings every cent over once, stopped half-way and called again', async () => {
    const fx = await openFixture()
    const { pool } = fx.database
    await pool.query(`create table wallets (user_id uuid primary key, cents bigint,
      opening_id uuid default gen_random_uuid(), moved_at timestamptz)`)
    const users = [randomUUID(), randomUUID(), randomUUID()].toSorted()
    const [first, second, third] = users as [string, string, string]
    await pool.query(
      'insert into wallets (user_id, cents) values ($1, 500), ($2, 0), ($3, -1)',
      users,
    )
    const opening = await fx.account({ kind: 'equity' })
    await expect(moveBalances(fx.db, fx.ledger, opening)).rejects.toThrow(`${third}: rejected`)
    await pool.query('update wallets set cents = 7 where user_id = $1', [third])
    expect(await moveBalances(fx.db, fx.ledger, opening)).toBe(1)
    expect(await moveBalances(fx.db, fx.ledger, opening)).toBe(0)
    expect(await Promise.all([first, second, third].map(fx.balanceMinor))).toEqual([500n, 0n, 7n])
    await fx.closeSound()
  })

  test('export-and-check goes on where it left off, and an auditor needs only the file', async () => {
    const fx = await openFixture()
    const { privateKey, publicKey } = generateKeyPairSync('ed25519')
    const signer = ed25519Signer({ keyId: '2026', privateKey })
    const folder = temporaryFolder('export')
    const night = async (n: number, after: number) => {
      await fx.wallet(100n)
      return exportJournal(fx.db, fx.ledger, { signer, after, file: join(folder, `${n}.ndjson`) })
    }
    const first = await night(1, 0)
    const second = await night(2, first?.no ?? 0)
    const keys = { '2026': String(publicKey.export({ type: 'spki', format: 'pem' })) }
    const checked = await checkExport(join(folder, '1.ndjson'), keys)
    expect(checked).toMatchObject({ clean: true, transfers: 1, last: first })
    const rest = await checkExport(join(folder, '2.ndjson'), keys, checked.last ?? undefined)
    expect(rest).toMatchObject({ clean: true, transfers: 1, last: second })
    const forged = readFileSync(join(folder, '1.ndjson'), 'utf8').replace('"100"', '"900"')
    writeFileSync(join(folder, 'forged.ndjson'), forged)
    expect(await checkExport(join(folder, 'forged.ndjson'), keys)).toMatchObject({ clean: false })
    await fx.close()
  })

  test.each(['first-transfer', 'pay-an-order', 'sell-and-refund', 'move-balances'])(
    'the README shows %s as it is',
    (name) => {
      const source = read(`examples/${name}.ts`)
      const region = /\n( *)\/\/ #region main\n(.*?)\n *\/\/ #endregion/s.exec(source)
      const [, indent = '', text = ''] = region ?? []
      expect(text).not.toBe('')
      expect(read('README.md')).toContain(text.replaceAll(new RegExp(`^${indent}`, 'gm'), ''))
    },
  )
})
