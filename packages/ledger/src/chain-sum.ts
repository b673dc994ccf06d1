import { hash, randomBytes } from 'node:crypto'

/**
 * Checks that rows form one unbroken chain although they come in any order, with one number in
 * memory for the chain.
 *
 * Each row is a step from (place − 1, what was before) to (place, what is after). Adding a keyed
 * hash of each end and subtracting that of each beginning leaves, for a chain, only its last end
 * less its first beginning: everything between cancels. Conversely, if that is what is left, then
 * ends and beginnings match as multisets (the key is drawn here, so whoever wrote the rows cannot
 * have searched for a collision), and since every step goes one place up, such steps can only be one
 * path from the first to the last. Without the key a sum of hashes could be forged: M. Clarke et
 * al., "Incremental multiset hash functions", 2003, whose MSet-Add-Hash this is.
 */
export class ChainSums {
  readonly #key = randomBytes(32).toString('hex')

  /** What a step adds to the sum of its chain. */
  step(place: bigint, before: string | bigint, after: string | bigint): bigint {
    return this.#at(place, after) - this.#at(place - 1n, before)
  }

  /** The sum of a chain from one place to another. */
  whole(from: bigint, before: string | bigint, to: bigint, after: string | bigint): bigint {
    return this.#at(to, after) - this.#at(from, before)
  }

  #at(place: bigint, state: string | bigint): bigint {
    return BigInt(`0x${hash('sha256', `${this.#key}${place}|${state}`)}`)
  }
}
