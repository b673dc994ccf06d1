import { decodeTransferResult } from './decode.ts'
import { isRecorded, timeText, type TransferInput } from './moves.ts'
import type { Rejected, TransferResult } from './outcomes.ts'
import type { Transfer } from './records.ts'
import { metadataText, refuseTransfer } from './validate.ts'

/** A transfer of a batch, as it was when it was handed over: the caller may reuse the object. */
export interface Item {
  readonly id: string
  readonly debitAccountId: string
  readonly creditAccountId: string
  readonly amountMinor: bigint
  readonly currency: string
  readonly code: string | null
  /** JSON text. */
  readonly metadata: string | null
  /** ISO 8601. */
  readonly effectiveAt: string | null
  /** Whether a refusal is to be written down. */
  readonly recorded: boolean
}

/**
 * The request as an item, or what is wrong with its shape.
 *
 * @throws {@link LedgerError} for an `onReject` that is none.
 */
export function itemOf(input: TransferInput): Item | Rejected {
  const transfer = Object(input) as TransferInput // a hole in a list has no id, either
  const refusal = refuseTransfer(transfer)
  if (refusal !== null) return refusal
  return {
    // In lower case, as PostgreSQL writes them: ids are compared here.
    id: transfer.id.toLowerCase(),
    debitAccountId: transfer.debitAccountId.toLowerCase(),
    creditAccountId: transfer.creditAccountId.toLowerCase(),
    amountMinor: transfer.amountMinor,
    currency: transfer.currency,
    code: transfer.code ?? null,
    metadata: metadataText(transfer.metadata) ?? null,
    effectiveAt: timeText(transfer.effectiveAt),
    recorded: isRecorded(transfer.onReject),
  }
}

/** The parameters of an SQL function that posts many items. */
export function parametersOf(items: readonly Item[]): (string | null)[] {
  const places = new Map(accountIds(items).map((id, index) => [id, String(index + 1)]))
  const place = (id: string): string => places.get(id) as string
  return [
    array([...places.keys()]),
    array(items.map((item) => item.id)),
    sparse(firstPlaces(items)),
    array(items.map((item) => place(item.debitAccountId))),
    array(items.map((item) => place(item.creditAccountId))),
    array(items.map((item) => String(item.amountMinor))),
    array(items.map((item) => quoted(item.currency))),
    sparse(items.map((item) => quoted(item.code))),
    sparse(items.map((item) => quoted(item.metadata))),
    sparse(items.map((item) => quoted(item.effectiveAt))),
    sparse(items.map(({ recorded }) => (recorded ? 'true' : null))),
  ]
}

/** The accounts of the items, as a parameter. */
export const accountsOf = (items: readonly Item[]): string => array(accountIds(items))

// In the order in which PostgreSQL has them, too.
const accountIds = (items: readonly Item[]): string[] =>
  [...new Set(items.flatMap((i) => [i.debitAccountId, i.creditAccountId]))].toSorted()

// Array literals of PostgreSQL. Ids and numbers need no quotes; text does, or a code of NULL is null.
const array = (elements: readonly (string | null)[]): string =>
  `{${elements.map((element) => element ?? 'NULL').join(',')}}`

const sparse = (elements: readonly (string | null)[]): string | null =>
  elements.every((element) => element === null) ? null : array(elements)

const quoted = (text: string | null): string | null =>
  text === null ? null : `"${text.replaceAll(/["\\]/g, '\\$&')}"`

/** For each item whose id comes more than once, the place of the first that has it. */
function firstPlaces(items: readonly Item[]): (string | null)[] {
  const places = new Map<string, number[]>()
  for (const [index, { id }] of items.entries()) {
    const found = places.get(id)
    if (found === undefined) places.set(id, [index + 1])
    else found.push(index + 1)
  }
  if (places.size === items.length) return []
  return items.map(({ id }) => {
    const found = places.get(id) as number[]
    return found.length > 1 ? String(found[0]) : null
  })
}

/** The answer of `transfer_many`: what the server decided, in columns; full answers where not. */
interface ManyJson {
  readonly createdAt: string
  readonly debitSeqs: string
  readonly creditSeqs: string
  readonly debitBalancesMinor: string
  readonly creditBalancesMinor: string
  /** Null: all accounts are exact. */
  readonly debitShards: string | null
  readonly creditShards: string | null
  /** By index of the item. */
  readonly others: { readonly [index: string]: unknown } | null
}

/** One result for each item, in their order. */
export function decodeMany(value: unknown, items: readonly Item[]): TransferResult[] {
  const json = value as ManyJson
  const debitSeqs = json.debitSeqs.split(',')
  const creditSeqs = json.creditSeqs.split(',')
  const debitShards = json.debitShards?.split(',')
  const creditShards = json.creditShards?.split(',')
  const debitBalances = json.debitBalancesMinor.split(',')
  const creditBalances = json.creditBalancesMinor.split(',')
  return items.map((item, index): TransferResult => {
    const other = json.others?.[index]
    if (other !== undefined) return decodeTransferResult(other)
    const { recorded: _, ...request } = item
    const transfer: Transfer = {
      ...request,
      kind: 'transfer',
      metadata: item.metadata === null ? null : JSON.parse(item.metadata),
      holdId: null,
      reversesId: null,
      journalId: null,
      leg: null,
      debitShard: Number(debitShards?.[index] ?? 0),
      creditShard: Number(creditShards?.[index] ?? 0),
      debitSeq: BigInt(debitSeqs[index] as string),
      creditSeq: BigInt(creditSeqs[index] as string),
      debitBalanceMinor: BigInt(debitBalances[index] as string),
      creditBalanceMinor: BigInt(creditBalances[index] as string),
      effectiveAt: new Date(item.effectiveAt ?? json.createdAt),
      createdAt: new Date(json.createdAt),
    }
    return { outcome: 'created', transfer }
  })
}
