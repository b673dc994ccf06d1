import { type Kysely, sql } from 'kysely'
import type { Ledger } from '@payflow/ledger'

interface Wallet {
  readonly user_id: string
  readonly cents: string
  readonly opening_id: string
}

/**
 * Moves balances that were numbers in a table of yours into the ledger, one wallet a transaction, while
 * the application runs: it uses the old number while `moved_at` is null, and the ledger from then on.
 * `opening_id` is a uuid column made beforehand. Stopped at any moment, it goes on when called again.
 *
 * @returns how many wallets it moved.
 */
export async function moveBalances(
  db: Kysely<unknown>,
  ledger: Ledger,
  openingBalancesId: string,
): Promise<number> {
  for (let moved = 0; ; moved += 1) {
    // #region main
    const step = await ledger.run(db, async (trx) => {
      const { rows } = await sql<Wallet>`select user_id, cents, opening_id from wallets
        where moved_at is null order by user_id limit 1 for update skip locked`.execute(trx)
      const [wallet] = rows
      if (wallet === undefined) return 'done'
      await ledger.accounts.create(trx, {
        id: wallet.user_id,
        currency: 'USD',
        kind: 'liability',
        floorMinor: 0n,
      })
      if (wallet.cents !== '0') {
        const opened = await ledger.transfer(trx, {
          id: wallet.opening_id,
          debitAccountId: openingBalancesId,
          creditAccountId: wallet.user_id,
          amountMinor: BigInt(wallet.cents),
          currency: 'USD',
          code: 'opening-balance',
        })
        if (opened.outcome !== 'created') throw new Error(`${wallet.user_id}: ${opened.outcome}`)
      }
      await sql`update wallets set moved_at = now() where user_id = ${wallet.user_id}`.execute(trx)
      return 'moved'
    })
    // #endregion main
    if (step.outcome !== 'committed') throw new Error(`stopped, call again: ${step.outcome}`)
    if (step.value === 'done') return moved
  }
}
