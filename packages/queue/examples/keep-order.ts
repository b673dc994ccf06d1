// #region main
import { sql } from 'kysely'
import { z } from 'zod'
import { defineMessage } from '@payflow/queue'
import type { BlockedLane, Bus } from '@payflow/queue'

export const AccountMoved = defineMessage({
  type: 'accounts.moved',
  version: 1,
  schema: z.object({ account: z.string(), amountMinor: z.int() }),
  key: (movement) => movement.account,
})

export async function writeStatements(bus: Bus): Promise<void> {
  const consumer = bus.consumer({
    name: 'statements',
    queue: 'statements',
    messages: [AccountMoved],
    order: 'key', // each account's movements one after another, accounts side by side
    retry: { attempts: 20, delaysMs: [250, 1_000, 5_000] },
    deadlineMs: 10_000,
  })
  consumer.handle(AccountMoved, async ({ data: { account, amountMinor } }, { trx }) => {
    // What moved before this is committed: its balance is the one to go on from.
    const written = await sql`
      insert into statement_line (account, line, amount_minor, balance_minor)
      select a.id, count(l.line) + 1, ${amountMinor}, coalesce(sum(l.amount_minor), 0) + ${amountMinor}
      from account a left join statement_line l on l.account = a.id
      where a.id = ${account}
      group by a.id`.execute(trx)
    if (written.numAffectedRows !== 1n) throw new Error(`There is no account ${account} yet`)
  })
  await consumer.start()
}

/** Accounts that have been waiting for a while, for an alarm. */
export function stuckAccounts(bus: Bus, forMs: number): BlockedLane[] {
  const lanes = bus.health().consumers.flatMap((consumer) => consumer.lanes?.blocked ?? [])
  return lanes.filter(({ blockedForMs }) => blockedForMs >= forMs)
}
// #endregion main
