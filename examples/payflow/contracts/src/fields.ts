/** The fields that several bodies share. What enters here is what the whole system can rely on. */
import { z } from 'zod'
import {
  AMOUNT_MINOR_MAX,
  CURSOR_CHARS_MAX,
  EMAIL_CHARS_MAX,
  IDEMPOTENCY_KEY_CHARS_MAX,
  NAME_CHARS_MAX,
  NOTE_CHARS_MAX,
  PAGE_ITEMS_DEFAULT,
  PAGE_ITEMS_MAX,
} from './limits.ts'
import { CURRENCIES } from './statuses.ts'

/**
 * Text that is shown to people: PostgreSQL refuses NUL, half a surrogate pair is no character, and
 * a name that switches the writing direction can pass for somebody else's.
 */
const printable = /^[^\p{Cc}\p{Cs}\u202a-\u202e\u2066-\u2069]*$/u
const printableMessage = 'Must not contain control or direction-changing characters'

/** Messages of the fields that people type in are shown beside them, so they are sentences. */
export function tooLong(charsMax: number): string {
  return `Must have at most ${charsMax} characters`
}

/** Any text that is looked up or stored. */
export const textField = z.string().regex(printable, printableMessage)

/** A UUID. Upper case is accepted and lowered, so that equal ids are equal strings. */
export const idField = z.uuid().toLowerCase().describe('A UUID, in lower case in every answer.')

/** An amount of money in minor units. */
export const amountField = z
  .int()
  .min(1, 'Must be at least 1 minor unit')
  .max(AMOUNT_MINOR_MAX, `Must be at most ${AMOUNT_MINOR_MAX} minor units`)
  .describe('Minor units: 5000 is $50.00.')

/** Any sum of money in minor units; balances of system accounts may be negative. */
export const moneyField = z.int().describe('Minor units: 5000 is $50.00.')

/** ISO 4217 code of a currency wallets are kept in. */
export const currencyField = z.enum(CURRENCIES).describe('ISO 4217.')

/** What a payment was for. */
export const noteField = textField.trim().max(NOTE_CHARS_MAX, tooLong(NOTE_CHARS_MAX))

/** A person's name. */
export const nameField = textField
  .trim()
  .min(1, 'Must not be empty')
  .max(NAME_CHARS_MAX, tooLong(NAME_CHARS_MAX))

/** An e-mail address, trimmed and lowered: one mailbox is one user however it is typed. */
export const emailField = z
  .string()
  .trim()
  .toLowerCase()
  .max(EMAIL_CHARS_MAX, tooLong(EMAIL_CHARS_MAX))
  .pipe(z.email('Must be an e-mail address'))

/** A moment, ISO 8601 in UTC. */
export const instantField = z.iso.datetime().describe('ISO 8601, in UTC.')

/** A place in a list. Opaque: clients send back what they were given. */
export const cursorField = z
  .string()
  .max(CURSOR_CHARS_MAX)
  .regex(/^[\w-]+$/, 'Must be a cursor from an earlier answer')
  .describe('The `nextCursor` of the page before; without one, the first page.')

/** How many items a page has. */
export const limitField = z
  .string()
  .regex(/^\d{1,4}$/, 'Must be a whole number')
  .transform(Number)
  .pipe(z.number().min(1).max(PAGE_ITEMS_MAX))
  .default(PAGE_ITEMS_DEFAULT)

/** A moment to ask from or to: ISO 8601 in UTC, not before 1970, to the second or finer. */
export const momentField = z.iso
  .datetime()
  .regex(/^(19[7-9]|[2-9])/, 'Must not be before 1970')
  .describe('ISO 8601, in UTC.')

/** An amount to compare with, in a query. */
export const amountQueryField = z
  .string()
  .regex(/^\d{1,12}$/, 'Must be a whole number of minor units')
  .transform(Number)
  .pipe(z.number().min(1).max(AMOUNT_MINOR_MAX))

/**
 * An idempotency key as the services pass it on: visible ASCII. A space would mean that two headers
 * were joined into one.
 */
export const idempotencyKeyField = z
  .string()
  .regex(/^[\x21-\x7e]+$/, 'Must be visible ASCII')
  .max(IDEMPOTENCY_KEY_CHARS_MAX)

/** A page of a list; `nextCursor` is null on the last one. */
export function pageOf<T extends z.ZodType>(item: T) {
  const nextCursor = z.string().nullable().describe('Null on the last page.')
  return z.object({ items: z.array(item), nextCursor })
}
