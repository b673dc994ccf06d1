import { decodeJournalResult } from './decode.ts'
import { LedgerError } from './errors.ts'
import type { Executor } from './executor.ts'
import { type Item, itemOf, timeText } from './item.ts'
import { parametersOf } from './items.ts'
import type { TransferInput } from './moves.ts'
import type { JournalResult, Rejected } from './outcomes.ts'
import type { Metadata } from './records.ts'
import { requireObject } from './require-object.ts'
import { call } from './sql/call.ts'
import { MANY_TYPES } from './sql/many.ts'
import { write } from './statement.ts'
import { metadataText, refuseJournal } from './validate.ts'

/** A transfer that is part of a journal. `C`: its currency, where the type knows it. */
export type Leg<C extends string = string> = Omit<TransferInput<C>, 'onReject'>

/** Request of {@link LedgerGroups.journal}. `Cs`: the currencies of its legs, as of a transfer. */
export interface JournalInput<Cs extends readonly string[] = readonly string[]> {
  /**
   * UUID of the whole, made and stored by the caller before the call. Journals have ids of their
   * own: it need not differ from those of transfers, but {@link LedgerReads.lookup} shows a transfer
   * or hold of the same id first.
   */
  readonly id: string
  /**
   * The legs, 1 … 1,000, applied in this order. Their ids are those of transfers, and no two are
   * the same. A leg without an `effectiveAt` has that of the journal. A refusal is not remembered:
   * no leg can be `onReject: 'record'`.
   */
  readonly transfers: { readonly [I in keyof Cs]: Leg<Cs[I]> }
  /** Your name for this sort of journal, as of a transfer. Legs do not inherit it. */
  readonly code?: string | null
  /** Of the whole, beside that of each leg; at most 16 KiB as JSON. */
  readonly metadata?: Metadata | null
  /** When it counts, as of a transfer. @defaultValue the time at which it is recorded */
  readonly effectiveAt?: Date | null
}

/** {@link LedgerGroups.journal} on a schema. */
export function journalOf(
  s: string,
): (db: Executor, journal: JournalInput) => Promise<JournalResult> {
  const statement = call(s, 'journal', 'uuid', 'text', 'jsonb', 'timestamptz', ...MANY_TYPES)
  return async (db, journal) => {
    const refusal = refuseJournal(requireObject('journal', journal))
    if (refusal !== null) return refusal
    const legs = legsOf(journal)
    if ('outcome' in legs) return legs
    const own = [
      journal.code ?? null,
      metadataText(journal.metadata),
      timeText(journal.effectiveAt),
    ]
    const parameters = [journal.id, ...own, ...parametersOf(legs)]
    return write(db, journal.id, statement, parameters, decodeJournalResult)
  }
}

/** The legs as items, or what is wrong with the shape of one. */
function legsOf({ transfers, effectiveAt }: JournalInput): Item[] | Rejected {
  const legs: Item[] = []
  const ids = new Set<string>()
  for (const [leg, transfer] of transfers.entries()) {
    const item = itemOf({ ...transfer, effectiveAt: transfer?.effectiveAt ?? effectiveAt ?? null })
    if ('outcome' in item) return { ...item, detail: { ...item.detail, leg } }
    if (item.recorded) {
      throw new LedgerError('LEDGER_INVALID_OPTION', "a leg cannot be onReject: 'record'")
    }
    if (ids.has(item.id)) {
      return { outcome: 'rejected', reason: 'legs_invalid', detail: { field: 'id', leg } }
    }
    ids.add(item.id)
    legs.push(item)
  }
  return legs
}
