import { isDate } from 'node:util/types'
import type { AccountInput, LimitsInput } from './accounts.ts'
import type { Currency } from './currencies.ts'
import type { JournalInput } from './journal.ts'
import type {
  CaptureInput,
  HoldInput,
  MovementInput,
  ReverseInput,
  TransferInput,
} from './moves.ts'
import type { Rejected, RejectionReason } from './outcomes.ts'
import type { Metadata } from './records.ts'

/** Largest value of PostgreSQL's bigint. */
export const AMOUNT_MAX: bigint = 9_223_372_036_854_775_807n

/** Most digits that a currency may have: 10^18 is the largest power of ten in a bigint. */
export const EXPONENT_MAX: number = 18

/** Ten years: anything longer is rather a unit mistaken than a hold. */
export const EXPIRES_IN_MS_MAX: number = 3_650 * 24 * 3_600_000

const [SHARDS_MIN, SHARDS_MAX] = [2, 64]
const REASON_MAX = 1_000
const METADATA_BYTES_MAX = 16_384
const LEGS_MAX = 1_000
const YEAR_10000 = 253_402_300_800_000
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i
const CURRENCY = /^[A-Z][A-Z0-9]{2,11}$/
const CODE = /^[A-Za-z0-9._:/-]{1,64}$/
const KINDS = new Set(['asset', 'liability', 'equity', 'income', 'expense'])
// What JSON can say and jsonb cannot store: a NUL, and half of a surrogate pair. JSON.stringify
// writes both as escapes; an even number of backslashes before the `u` is text, not an escape.
const NOT_STORABLE = /(?<!\\)(?:\\\\)*\\u(?:0000|d[89a-f][0-9a-f]{2})/i

/** Requests come from JavaScript too: everything is looked at as if it had no type. */
type Untyped<T> = { readonly [K in keyof T]?: unknown }

export const isUuid = (value: unknown): value is string =>
  typeof value === 'string' && UUID.test(value)

/** A date of the years 1970 to 9999, which PostgreSQL reads as it was meant. */
export const isTime = (value: unknown): value is Date =>
  isDate(value) && value.getTime() >= 0 && value.getTime() < YEAR_10000

const isAmount = (value: unknown): boolean =>
  typeof value === 'bigint' && value > 0n && value <= AMOUNT_MAX

const refuse = (reason: RejectionReason, field: string): Rejected => ({
  outcome: 'rejected',
  reason,
  detail: { field },
})

/** Metadata as jsonb text, null for none, undefined when it is nothing that jsonb can keep. */
export function metadataText(metadata: unknown): string | null | undefined {
  if (metadata === undefined || metadata === null) return null
  if (typeof metadata !== 'object' || Array.isArray(metadata)) return undefined
  try {
    const text = JSON.stringify(metadata as Metadata)
    return text.startsWith('{') && !NOT_STORABLE.test(text) ? text : undefined
  } catch {
    return undefined // a cycle, a bigint, a throwing toJSON
  }
}

function refuseMetadata(metadata: unknown): Rejected | null {
  const text = metadataText(metadata)
  if (text === undefined) return refuse('metadata_invalid', 'metadata')
  return text !== null && Buffer.byteLength(text) > METADATA_BYTES_MAX
    ? refuse('metadata_too_large', 'metadata')
    : null
}

function refuseEffectiveAt(effectiveAt: unknown): Rejected | null {
  if (effectiveAt === undefined || effectiveAt === null || isTime(effectiveAt)) return null
  return refuse('effective_at_invalid', 'effectiveAt')
}

/** The first thing wrong with the shape of a transfer, or null. */
export function refuseTransfer(input: Untyped<TransferInput>): Rejected | null {
  return refuseMovement(input) ?? refuseEffectiveAt(input.effectiveAt)
}

function refuseMovement(input: Untyped<MovementInput>): Rejected | null {
  for (const field of ['id', 'debitAccountId', 'creditAccountId'] as const) {
    if (!isUuid(input[field])) return refuse('id_invalid', field)
  }
  if (String(input.debitAccountId).toLowerCase() === String(input.creditAccountId).toLowerCase()) {
    return refuse('same_account', 'creditAccountId')
  }
  if (!isAmount(input.amountMinor)) return refuse('amount_invalid', 'amountMinor')
  if (typeof input.currency !== 'string' || !CURRENCY.test(input.currency)) {
    return refuse('currency_invalid', 'currency')
  }
  return refuseCode(input.code) ?? refuseMetadata(input.metadata)
}

function refuseCode(code: unknown): Rejected | null {
  if (code === undefined || code === null) return null
  return typeof code === 'string' && CODE.test(code) ? null : refuse('code_invalid', 'code')
}

/** The first thing wrong with the shape of a journal, its legs apart, or null. */
export function refuseJournal(input: Untyped<JournalInput>): Rejected | null {
  if (!isUuid(input.id)) return refuse('id_invalid', 'id')
  const { transfers } = input
  if (!Array.isArray(transfers) || transfers.length < 1 || transfers.length > LEGS_MAX) {
    return refuse('legs_invalid', 'transfers')
  }
  return (
    refuseCode(input.code) ?? refuseMetadata(input.metadata) ?? refuseEffectiveAt(input.effectiveAt)
  )
}

/** The first thing wrong with the shape of a hold, or null. */
export function refuseHold(input: Untyped<HoldInput>): Rejected | null {
  const refusal = refuseMovement(input)
  if (refusal !== null) return refusal
  const { expiresInMs } = input
  if (expiresInMs === undefined || expiresInMs === null) return null
  const lasts = Number.isSafeInteger(expiresInMs) && (expiresInMs as number) >= 1
  return lasts && (expiresInMs as number) <= EXPIRES_IN_MS_MAX
    ? null
    : refuse('expiry_invalid', 'expiresInMs')
}

/** The first thing wrong with the shape of a capture, or null. */
export function refuseCapture(input: Untyped<CaptureInput>): Rejected | null {
  if (input.id !== undefined && !isUuid(input.id)) return refuse('id_invalid', 'id')
  if (!isUuid(input.holdId)) return refuse('id_invalid', 'holdId')
  const { amountMinor } = input
  return amountMinor === undefined || isAmount(amountMinor)
    ? refuseEffectiveAt(input.effectiveAt)
    : refuse('amount_invalid', 'amountMinor')
}

/** The first thing wrong with the shape of a reversal, or null. */
export function refuseReverse(input: Untyped<ReverseInput>): Rejected | null {
  for (const field of ['id', 'transferId'] as const) {
    if (!isUuid(input[field])) return refuse('id_invalid', field)
  }
  const { amountMinor } = input
  if (amountMinor !== undefined && !isAmount(amountMinor)) {
    return refuse('amount_invalid', 'amountMinor')
  }
  return (
    refuseCode(input.code) ?? refuseMetadata(input.metadata) ?? refuseEffectiveAt(input.effectiveAt)
  )
}

/** The release of something that is no UUID. */
export function refuseRelease(input: { readonly holdId?: unknown }): Rejected<'id_invalid'> | null {
  return isUuid(input.holdId)
    ? null
    : { outcome: 'rejected', reason: 'id_invalid', detail: { field: 'holdId' } }
}

/** The first thing wrong with the shape of an account, or null. */
export function refuseAccount(input: Untyped<AccountInput>): Rejected | null {
  if (!isUuid(input.id)) return refuse('id_invalid', 'id')
  if (typeof input.currency !== 'string' || !CURRENCY.test(input.currency)) {
    return refuse('currency_invalid', 'currency')
  }
  if (!KINDS.has(input.kind as string)) return refuse('kind_invalid', 'kind')
  const refusal = refuseMetadata(input.metadata)
  if (refusal !== null) return refusal
  // A new account has 0, and 0 must be allowed.
  if (!isLimit(input.floorMinor, -AMOUNT_MAX, 0n)) return refuse('limits_invalid', 'floorMinor')
  if (!isLimit(input.ceilingMinor, 0n, AMOUNT_MAX)) {
    return refuse('limits_invalid', 'ceilingMinor')
  }
  return shardsOf(input.hot) === undefined ? refuse('shards_invalid', 'hot') : null
}

const isLimit = (value: unknown, least: bigint, most: bigint): boolean =>
  value === undefined ||
  value === null ||
  (typeof value === 'bigint' && value >= least && value <= most)

/** Number of parts that a policy asks for, 0 for an exact account; undefined when it is none. */
export function shardsOf(hot: unknown): number | undefined {
  if (hot === undefined || hot === 'exact') return 0
  const [, digits] = (typeof hot === 'string' && /^sharded:([1-9]\d?)$/.exec(hot)) || []
  const shards = Number(digits)
  return shards >= SHARDS_MIN && shards <= SHARDS_MAX ? shards : undefined
}

/** The first thing wrong with the shape of a change of an account, or null. */
export function refuseChange(input: Untyped<LimitsInput>): Rejected | null {
  if (!isUuid(input.id)) return refuse('id_invalid', 'id')
  for (const field of ['floorMinor', 'ceilingMinor'] as const) {
    if (!isLimit(input[field], -AMOUNT_MAX, AMOUNT_MAX)) return refuse('limits_invalid', field)
  }
  const { reason } = input
  if (reason === undefined || reason === null) return null
  if (typeof reason !== 'string' || NOT_STORABLE.test(JSON.stringify(reason))) {
    return refuse('metadata_invalid', 'reason')
  }
  return reason.length > REASON_MAX ? refuse('metadata_too_large', 'reason') : null
}

/** The first thing wrong with the shape of a currency, or null. */
export function refuseCurrency(input: Untyped<Currency>): Rejected<'currency_invalid'> | null {
  const { code, exponent } = input
  let field: string | undefined
  if (typeof code !== 'string' || !CURRENCY.test(code)) field = 'code'
  else if (!Number.isInteger(exponent)) field = 'exponent'
  else if ((exponent as number) < 0 || (exponent as number) > EXPONENT_MAX) field = 'exponent'
  if (field === undefined) return null
  return { outcome: 'rejected', reason: 'currency_invalid', detail: { field } }
}
