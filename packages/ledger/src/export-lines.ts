import type { Checkpoint, CheckpointLeaf, CheckpointSignature } from './checkpoint-format.ts'
import type { JournalLine } from './journal-payload.ts'
import type { AccountKind } from './records.ts'

/*
 * Lines of an export. Each is one JSON object as JSON.stringify writes it, members in this order, so
 * that the same block gives the same bytes for ever.
 */

/** First line of a block. */
export interface CheckpointLine extends Omit<Checkpoint, 'signatures'> {
  readonly type: 'checkpoint'
  readonly format: 'payflow-ledger-export-1'
}

/** After the first line, one for each signature, in their order. These alone may be added to. */
export interface SignatureLine extends CheckpointSignature {
  readonly type: 'signature'
}

/** Then one for each account (or part of an account) that moved, in order. */
export interface LeafLine extends CheckpointLeaf {
  readonly type: 'leaf'
  readonly currency: string
  readonly kind: AccountKind
  /** Place and hash of the account's newest row of all blocks before; `0` and empty for none. */
  readonly previousSeq: string
  readonly previousHead: string
}

/** Then one for each journal row, in the order of (debit account, shard, place). */
export interface TransferLine extends JournalLine {
  readonly type: 'transfer'
}

/** Last line of a block. */
export interface EndLine {
  readonly type: 'end'
  readonly no: number
  readonly leaves: number
  readonly transfers: number
}

export type ExportLine = CheckpointLine | SignatureLine | LeafLine | TransferLine | EndLine

type Check = (value: unknown) => boolean

const BIGINT_MAX = 2n ** 63n - 1n

const matches =
  (pattern: RegExp): Check =>
  (value) =>
    typeof value === 'string' && pattern.test(value)
const isBigint = (pattern: RegExp): Check => {
  const isWritten = matches(pattern)
  return (value) => {
    if (!isWritten(value)) return false
    const number = BigInt(value as string)
    return number <= BIGINT_MAX && number >= -BIGINT_MAX - 1n
  }
}
const orNull =
  (check: Check): Check =>
  (value) =>
    value === null || check(value)
const isOne =
  (...values: readonly string[]): Check =>
  (value) =>
    values.includes(value as string)

const count: Check = (value) => Number.isSafeInteger(value) && (value as number) >= 0
const shard: Check = (value) => count(value) && (value as number) <= 64
const isBoolean: Check = (value) => typeof value === 'boolean'
const uuid = matches(/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)
const natural = isBigint(/^(?:0|[1-9]\d{0,18})$/)
const integer = isBigint(/^(?:0|-?[1-9]\d{0,18})$/)
const hash = matches(/^[0-9a-f]{64}$/)
const hashOrEmpty = matches(/^(?:[0-9a-f]{64})?$/)
const currency = matches(/^[A-Z][A-Z0-9]{2,11}$/)

// No text may hold the separator of the payload, except the last: or two rows could give one text.
const SHAPES: { readonly [T in ExportLine['type']]: Readonly<Record<string, Check>> } = {
  checkpoint: {
    format: isOne('payflow-ledger-export-1'),
    no: count,
    transfers: count,
    root: hash,
    previousRoot: hash,
    createdAtMicros: Number.isSafeInteger,
  },
  signature: { keyId: matches(/^[A-Za-z0-9._:-]{1,64}$/), signature: matches(/^[0-9a-f]{128}$/) },
  leaf: {
    accountId: uuid,
    shard,
    currency,
    kind: isOne('asset', 'liability', 'equity', 'income', 'expense'),
    previousSeq: natural,
    previousHead: hashOrEmpty,
    seq: natural,
    head: hash,
  },
  transfer: {
    id: uuid,
    kind: isOne('transfer', 'capture', 'reversal'),
    debitAccountId: uuid,
    debitShard: shard,
    debitSeq: natural,
    debitBalanceMinor: integer,
    creditAccountId: uuid,
    creditShard: shard,
    creditSeq: natural,
    creditBalanceMinor: integer,
    amountMinor: natural,
    currency,
    holdId: orNull(uuid),
    captureFinal: orNull(isBoolean),
    remainder: orNull(isBoolean),
    reversesId: orNull(uuid),
    journalId: orNull(uuid),
    leg: orNull(count),
    createdAtMicros: integer,
    effectiveAtMicros: orNull(integer),
    code: orNull(matches(/^[^|]+$/)),
    metadata: orNull(matches(/^\{.*\}$/s)),
    debitPreviousHash: hashOrEmpty,
    debitHash: hash,
    creditPreviousHash: hashOrEmpty,
    creditHash: hash,
  },
  end: { no: count, leaves: count, transfers: count },
}

/** The line, or null when it is not exactly what an export writes. */
export function readLine(text: string): ExportLine | null {
  let line: Record<string, unknown> | null
  try {
    line = JSON.parse(text)
  } catch {
    return null
  }
  if (typeof line !== 'object' || line === null || JSON.stringify(line) !== text) return null
  const { type } = line
  const shape = isOne(...Object.keys(SHAPES))(type) ? SHAPES[type as ExportLine['type']] : {}
  const names = ['type', ...Object.keys(shape)]
  const isExact = Object.keys(line).join() === names.join()
  if (!isExact || names.length === 1) return null
  const isSound = Object.entries(shape).every(([name, check]) => check(line[name]))
  return isSound ? (line as unknown as ExportLine) : null
}
