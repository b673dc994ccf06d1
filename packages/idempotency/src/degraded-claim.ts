import type { SettledOutcome } from './context.ts'
import type { Claim } from './operation.ts'
import type { ResolvedPolicy } from './options.ts'
import { Steps } from './steps.ts'
import type { Subject } from './subject.ts'

/**
 * Stands in for a claim when the store is down and the rules say to go on. Nothing is recorded, so
 * the next system has to refuse a second execution; `context.degraded` tells the handler.
 */
export function degradedClaim(subject: Subject, policy: ResolvedPolicy): Claim {
  let requested: SettledOutcome | undefined
  const nothingToDo = (): Promise<void> => Promise.resolve()
  const steps = new Steps({
    results: new Map(),
    stepsMax: policy.stepsMax,
    stepsMaxBytes: policy.stepsMaxBytes,
    mayBegin: () => undefined,
    record: nothingToDo,
  })
  return {
    context: {
      ...subject,
      attempt: 1,
      fence: 0,
      degraded: true,
      signal: new AbortController().signal,
      commitPoint: nothingToDo,
      step: (name, work) => steps.run(name, work),
      setOutcome: (outcome) => {
        requested = outcome
      },
    },
    degraded: true,
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
