/** A limit on everything that comes from outside, each with the reason for its number. */

/**
 * Most that one payment may move, in minor units: one billion dollars. JSON numbers are exact up
 * to 2^53 - 1, so ninety thousand payments of this size can still be added up without rounding.
 */
export const AMOUNT_MINOR_MAX = 100_000_000_000

/** A note is one line on a phone: long enough to say what it was for, too short to be a letter. */
export const NOTE_CHARS_MAX = 140

/**
 * How many refunds of one payment may be pending or completed: whoever reads the payment adds them
 * up. Nobody gives a payment back in more parts by hand. Requests at the same instant may exceed it
 * by as many as there are of them.
 */
export const REFUNDS_MAX = 100

/**
 * How many refunds of one payment there may be, failed ones among them, which move nothing but stay
 * written down for ever. Far more than anybody tries; who has can still send a payment of their own.
 */
export const REFUND_ATTEMPTS_MAX = 1_000

/**
 * How many refunds of a payment are shown with it, newest first. More than anybody makes by hand;
 * what all of them come to is in `refundedAmount`, however many there are.
 */
export const REFUNDS_SHOWN_MAX = 50

/**
 * How many lines a statement as CSV may have: what is read in one go, some 2 MB. A longer period is
 * refused rather than cut, for a statement that ends early looks complete.
 */
export const STATEMENT_CSV_LINES_MAX = 10_000

/** A person's name as shown to others; longer ones break every list they are printed in. */
export const NAME_CHARS_MAX = 80

/** RFC 5321 §4.5.3.1: a forward path has 256 octets, two of them are the angle brackets. */
export const EMAIL_CHARS_MAX = 254

/** Below ten characters, guessing the hash offline is affordable. */
export const PASSWORD_CHARS_MIN = 10

/** Long enough for any passphrase; bounded because hashing costs time that callers choose. */
export const PASSWORD_CHARS_MAX = 128

/** One letter would list a large part of all users. */
export const USER_QUERY_CHARS_MIN = 2

/** Whoever has the whole address may paste it. */
export const USER_QUERY_CHARS_MAX = 254

/** A search helps to find a known person, not to walk through all of them. */
export const USER_SEARCH_ITEMS_MAX = 10

/** Fits a screen without scrolling for long. */
export const PAGE_ITEMS_DEFAULT = 20

/** Keeps one page under 64 KiB and its query under a few milliseconds. */
export const PAGE_ITEMS_MAX = 100

/** Nobody reads a number beside a bell that is longer; counting further would cost for nothing. */
export const UNREAD_COUNT_MAX = 1_000

/** Cursors are made by us; the longest one made today has 90 characters. */
export const CURSOR_CHARS_MAX = 256

/** The limit that the payment APIs which clients already speak to use. */
export const IDEMPOTENCY_KEY_CHARS_MAX = 255

/** Room for a UUID, a ULID or a W3C trace id, and for nothing that could fill a log. */
export const REQUEST_ID_CHARS_MAX = 64

/** The largest valid body is below 2 KiB; this leaves room for whitespace and escapes. */
export const BODY_BYTES_MAX = 64 * 1024
