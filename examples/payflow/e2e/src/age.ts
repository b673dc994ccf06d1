/*
 * Makes payments look older. Only the clock of the database decides what is stale, so an hour is
 * waited for by moving what that clock is compared with.
 */
import type { Stack } from '@payflow-app/stack'
import { waitFor, withClient } from '@payflow/testkit'

/** By how much the moments of a payment are moved into the past. */
export interface Ages {
  readonly createdMs: number
  /** Waits until the broker has confirmed the message, and moves that as well. */
  readonly dispatchedMs?: number
}

/** Moves the moments of these payments into the past. Those that have ended stay as they are. */
export async function age(
  stack: Pick<Stack, 'adminUrl'>,
  ids: readonly string[],
  { createdMs, dispatchedMs }: Ages,
): Promise<void> {
  await withClient(stack.adminUrl('transaction'), async (client) => {
    const sent = async () => {
      const { rows } = await client.query<{ waiting: boolean }>(
        `select bool_or(status = 'PENDING' and dispatched_at is null) as waiting
         from payments where id = any($1)`,
        [ids],
      )
      return rows[0]?.waiting === false
    }
    if (dispatchedMs !== undefined) {
      await waitFor(sent, { timeoutMs: 60_000, message: 'the messages to be with the broker' })
    }
    await client.query(
      `update payments set created_at = created_at - $2 * interval '1 ms',
         dispatched_at = dispatched_at - $3 * interval '1 ms'
       where id = any($1) and status = 'PENDING'`,
      [ids, createdMs, dispatchedMs ?? 0],
    )
  })
}

/** The id of the message that asks to execute a payment: what the worker's probes tell of. */
export async function messageIdOf(stack: Pick<Stack, 'adminUrl'>, id: string): Promise<string> {
  return await withClient(stack.adminUrl('transaction'), async (client) => {
    const found = await client.query<{ id: string }>(
      'select message_id as id from payments where id = $1',
      [id],
    )
    const [row] = found.rows
    if (row === undefined) throw new Error(`there is no payment ${id}`)
    return row.id
  })
}
