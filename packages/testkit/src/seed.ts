// One number decides every random choice of a run. TEST_SEED replays it.

let current: number | undefined
let state: bigint | undefined

/** The seed of this run: `TEST_SEED`, or the one the global set-up drew, or one drawn now. */
export function seed(): number {
  current ??= parseSeed(process.env['TEST_SEED']) ?? drawSeed()
  return current
}

/** Takes over the seed that was drawn once for the whole run. @internal */
export function useSeed(value: number): void {
  current = value
  state = undefined
}

/** A number that fits TEST_SEED and fast-check alike (a positive 31-bit integer). @internal */
export function drawSeed(): number {
  return Math.floor(Math.random() * 0x7fff_ffff)
}

/** The seed in the text, or undefined when there is none. @internal */
export function parseSeed(text: string | undefined): number | undefined {
  if (text === undefined || text === '') return undefined
  const value = Number(text)
  if (Number.isInteger(value) && value >= 0 && value <= 0x7fff_ffff) return value
  throw new RangeError(`TEST_SEED must be an integer from 0 to 2147483647, not ${text}`)
}

/**
 * The next number of the run's own sequence, 0 ≤ n < 1. The same seed gives the same sequence in each test
 * file, whatever other files do. Not for secrets.
 */
export function random(): number {
  // splitmix64: small, well mixed, and the same on every platform.
  state = ((state ?? BigInt(seed())) + 0x9e37_79b9_7f4a_7c15n) & MASK
  let z = state
  z = ((z ^ (z >> 30n)) * 0xbf58_476d_1ce4_e5b9n) & MASK
  z = ((z ^ (z >> 27n)) * 0x94d0_49bb_1331_11ebn) & MASK
  z ^= z >> 31n
  return Number(z >> 11n) / 2 ** 53
}

const MASK = 0xffff_ffff_ffff_ffffn

/** An integer with `min` ≤ n ≤ `max` from {@link random}. */
export function randomInteger(min: number, max: number): number {
  return min + Math.floor(random() * (max - min + 1))
}
