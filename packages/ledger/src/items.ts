import { decodeTransferResult } from './decode.ts'
import { type Item, transferOf } from './item.ts'
import type { TransferResult } from './outcomes.ts'

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
    const transfer = transferOf(item, {
      debitShard: Number(debitShards?.[index] ?? 0),
      creditShard: Number(creditShards?.[index] ?? 0),
      debitSeq: BigInt(debitSeqs[index] as string),
      creditSeq: BigInt(creditSeqs[index] as string),
      debitBalanceMinor: BigInt(debitBalances[index] as string),
      creditBalanceMinor: BigInt(creditBalances[index] as string),
      createdAt: new Date(json.createdAt),
    })
    return { outcome: 'created', transfer }
  })
}
