const uuidV7 = /^[0-9a-f]{8}-?[0-9a-f]{4}-?7[0-9a-f]{3}-?[89ab][0-9a-f]{3}-?[0-9a-f]{12}$/i
const ulid = /^[0-7][0-9a-hjkmnp-tv-z]{25}$/i
const crockford = '0123456789abcdefghjkmnpqrstvwxyz'

/** 2016, when the ULID was specified. Chance gives a text of that shape an earlier time, or a later. */
const ulidEarliestMs = 1_451_606_400_000
/** A ULID from further ahead than this is a text that only looks like one. */
const ulidLatestMs = 4_102_444_800_000

/**
 * When a time-ordered key was made, by the client's clock, in Unix milliseconds: UUIDv7 (RFC 9562)
 * and ULID. `undefined` for every other key, which carries no time.
 */
export function mintedAt(key: string): number | undefined {
  if (uuidV7.test(key)) return Number.parseInt(key.replaceAll('-', '').slice(0, 12), 16)
  if (!ulid.test(key)) return undefined
  let ms = 0
  for (const digit of key.slice(0, 10).toLowerCase()) ms = ms * 32 + crockford.indexOf(digit)
  return ms >= ulidEarliestMs && ms < ulidLatestMs ? ms : undefined
}
