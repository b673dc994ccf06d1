import { decodeJwt } from 'jose'

/**
 * A key that was withdrawn is believed for as long again, a token that has expired not a moment
 * longer than without this.
 */
const REMEMBERED_MS = 30_000

/** About 2 kB each. */
const TOKENS_MAX = 5_000

/**
 * Verifies each token once in half a minute instead of with each of its requests: a signature costs
 * more than anything else that a service does with one. What was refused is looked at each time.
 *
 * @param keysMaxAgeMs - no token is believed for longer than the keys it was verified with
 */
export function rememberVerified<T>(
  verify: (token: string) => Promise<T>,
  keysMaxAgeMs: number = REMEMBERED_MS,
): (token: string) => Promise<T> {
  const rememberedMs = Math.min(REMEMBERED_MS, keysMaxAgeMs)
  const known = new Map<string, { readonly value: T; readonly untilMs: number }>()
  return async (token) => {
    const found = known.get(token)
    if (found !== undefined && Date.now() < found.untilMs) return found.value
    known.delete(token)
    const value = await verify(token)
    const { exp = 0 } = decodeJwt(token)
    if (known.size >= TOKENS_MAX) known.delete(known.keys().next().value ?? '')
    known.set(token, { value, untilMs: Math.min(exp * 1_000, Date.now() + rememberedMs) })
    return value
  }
}
