import { randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import type { Executor } from '../../src/index.ts'
import { type Fixture, movement, openFixture } from './fixture.ts'

/**
 * A small ledger to tamper with: two wallets, two transfers, a hold captured in part, an account of
 * three parts with 2 on the first, 3 on the second and nothing on the last, and a shop with a sale of
 * 40 that was given back in parts of 10 and 5.
 */
export interface Books {
  readonly fx: Fixture
  readonly from: string
  readonly to: string
  readonly transferId: string
  /** The transfer right after it, between the same two. */
  readonly nextId: string
  readonly holdId: string
  readonly sharded: string
  readonly shop: string
  readonly saleId: string
  /** Gives back 5 of the sale. */
  readonly reversalId: string
  /** Two legs of 1, from the source to the shop. */
  readonly journalId: string
  /** Changes rows with the triggers off, as only a superuser can, lets look, and rolls back. */
  tampered<T>(statements: readonly string[], look: (trx: Executor) => Promise<T>): Promise<T>
}

export async function openBooks(): Promise<Books> {
  const fx = await openFixture({ connectionsMax: 2 })
  const [from, to] = [await fx.wallet(1_000n), await fx.wallet(500n)]
  const transfer = movement(from, to, 100n, { code: 'rent', metadata: { month: 'may' } })
  const next = movement(from, to, 30n, { code: 'tip' })
  const hold = movement(to, from, 50n)
  await fx.ledger.transfer(fx.db, transfer)
  await fx.ledger.transfer(fx.db, next)
  await fx.ledger.hold(fx.db, hold)
  await fx.ledger.capture(fx.db, { id: randomUUID(), holdId: hold.id, amountMinor: 10n })
  const sharded = randomUUID()
  const account = { id: sharded, currency: 'USD', kind: 'liability', hot: 'sharded:3' } as const
  await fx.ledger.accounts.create(fx.db, account)
  for (const [last, amount] of [
    ['00', 2n],
    ['01', 3n],
  ] as const) {
    const id = randomUUID().slice(0, -2) + last // the last byte chooses the part
    await fx.ledger.transfer(fx.db, { ...movement(fx.sourceId, sharded, amount), id })
  }
  const shop = await fx.account({ kind: 'income' })
  const sale = movement(fx.sourceId, shop, 40n)
  const [reversalId, journalId] = [randomUUID(), randomUUID()]
  await fx.ledger.transfer(fx.db, sale)
  for (const [id, amountMinor] of [
    [randomUUID(), 10n],
    [reversalId, 5n],
  ] as const) {
    await fx.ledger.reverse(fx.db, { id, transferId: sale.id, amountMinor })
  }
  const transfers = [movement(fx.sourceId, shop, 1n), movement(fx.sourceId, shop, 1n)]
  await fx.ledger.journal(fx.db, { id: journalId, transfers })
  return {
    fx,
    from,
    to,
    transferId: transfer.id,
    nextId: next.id,
    holdId: hold.id,
    sharded,
    shop,
    saleId: sale.id,
    reversalId,
    journalId,
    async tampered(statements, look) {
      const rolledBack = new Error('rolled back')
      let seen: { readonly answer: Awaited<ReturnType<typeof look>> } | undefined
      const work = fx.db.transaction().execute(async (trx) => {
        await sql`set local session_replication_role = replica`.execute(trx)
        for (const statement of statements) await sql.raw(statement).execute(trx)
        seen = { answer: await look(trx) }
        throw rolledBack
      })
      await work.catch((error: unknown) => {
        if (error !== rolledBack) throw error
      })
      if (seen === undefined) throw new Error('nothing was looked at')
      return seen.answer
    },
  }
}

/** `where id = …`, of a statement in plain text. */
export const where = (id: string): string => `where id = '${id}'`
