import { randomBytes } from 'node:crypto'

const tokenBytes = 16
/** Asking for random bytes costs some microseconds, whether for one token or for many. */
const pooledBytes = 256 * tokenBytes

let pool: Buffer = Buffer.alloc(0)
let used = 0

/** 16 random bytes that nobody else is given. */
export function randomToken(): Buffer {
  if (used === pool.length) {
    pool = randomBytes(pooledBytes)
    used = 0
  }
  used += tokenBytes
  return pool.subarray(used - tokenBytes, used)
}
