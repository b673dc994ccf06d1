import { sql } from 'kysely'
import type { Kysely } from 'kysely'
import type { Endings } from './payers.ts'

/** What the table of effects says, compared with what the clients were told. */
export interface Verdict {
  readonly payments: number
  /** Payments by the number of effects they had. */
  readonly byEffects: ReadonlyMap<number, number>
  /** Payments that happened more than once. */
  readonly paidTwice: number
  /** Clients that were told of a payment which is not there. */
  readonly paidNever: number
  /** Payments of which two senders were told different things. */
  readonly contradicted: number
  /** Payments of which a client was told that nobody knows, by the effects they had. */
  readonly unknown: ReadonlyMap<number, number>
  /** Payments whose client never heard anything, because the campaign ended. */
  readonly unsettled: number
}

/** Counts; nothing is left out. */
export async function judge(db: Kysely<any>, endings: Endings): Promise<Verdict> {
  const { rows } = await sql<{ id: number; key: string }>`select id, key from effect`.execute(db)
  const effects = new Map<string, Set<number>>()
  for (const { id, key } of rows) effects.set(key, (effects.get(key) ?? new Set()).add(id))
  const byEffects = new Map<number, number>()
  const unknown = new Map<number, number>()
  const found = { paidTwice: 0, paidNever: 0, contradicted: 0, unsettled: 0 }
  const count = (counts: Map<number, number>, n: number): void => {
    counts.set(n, (counts.get(n) ?? 0) + 1)
  }
  for (const [key, told] of endings) {
    const had = effects.get(key) ?? new Set()
    count(byEffects, had.size)
    if (had.size > 1) found.paidTwice += 1
    const paid = new Set(told.flatMap((ending) => (typeof ending === 'object' ? ending.paid : [])))
    if ([...paid].some((id) => !had.has(id))) found.paidNever += 1
    if (paid.size > 1) found.contradicted += 1
    if (told.includes('unknown')) count(unknown, had.size)
    if (told.includes('gave up')) found.unsettled += 1
  }
  return { payments: endings.size, byEffects, unknown, ...found }
}

/** True when every payment happened exactly once and everybody was told so. */
export function isExactlyOnce(verdict: Verdict): boolean {
  const { payments, byEffects, paidNever, contradicted, unknown, unsettled } = verdict
  const isOnce = byEffects.size === 1 && byEffects.get(1) === payments
  return isOnce && paidNever + contradicted + unknown.size + unsettled === 0
}
