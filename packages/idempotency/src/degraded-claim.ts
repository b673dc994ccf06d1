import type { SettledOutcome } from './context.ts'
import type { Claim } from './operation.ts'
import { derivedKey } from './record-id.ts'
import type { ClaimRequest } from './store.ts'

/**
 * Stands in for a claim when the store is down and the rules say to go on. Nothing is recorded, so
 * the next system has to refuse a second execution; `context.degraded` tells the handler.
 */
export function degradedClaim(request: ClaimRequest, key: string): Claim {
  const { id, fingerprint } = request
  let requested: SettledOutcome | undefined
  const nothingToDo = (): Promise<void> => Promise.resolve()
  return {
    context: {
      key,
      id,
      fingerprint,
      attempt: 1,
      fence: 0,
      degraded: true,
      signal: new AbortController().signal,
      commitPoint: nothingToDo,
      setOutcome: (outcome) => {
        requested = outcome
      },
      deriveKey: (...parts) => derivedKey(id, parts),
    },
    committed: true,
    get requestedOutcome() {
      return requested
    },
    complete: nothingToDo,
    release: nothingToDo,
    abandon: nothingToDo,
    stop: () => undefined,
  }
}
