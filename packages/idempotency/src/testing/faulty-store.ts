import { IdempotencyError } from '../errors.ts'
import type { IdempotencyStore } from '../store.ts'

/** A step of a store: `claim`, `renew`, … */
export type StoreVerb<Store> = {
  [Name in keyof Store]-?: NonNullable<Store[Name]> extends (...args: never[]) => Promise<unknown>
    ? Name
    : never
}[keyof Store] &
  string

/** A call that waits at the store's door. */
export interface HeldCall {
  /** Resolves when the call is there. */
  readonly reached: Promise<void>
  /** Lets it go on. */
  release(): void
}

/** A store that fails where it is told to. */
export interface StoreFaults<Store> {
  /** The same store, behind the faults. */
  readonly store: Store
  /** The calls so far, in order. */
  readonly calls: readonly StoreVerb<Store>[]
  /** The next call fails with `IDEMPOTENCY_STORE_UNAVAILABLE`, before the store sees it. */
  failNext(verb: StoreVerb<Store>): void
  /** The next call is done, and fails all the same: its answer was lost. */
  loseNextAnswer(verb: StoreVerb<Store>): void
  /** The next call waits before the store sees it. */
  holdNext(verb: StoreVerb<Store>): HeldCall
}

type Fault = (call: () => Promise<unknown>) => Promise<unknown>

/**
 * Puts faults before a store, for tests of what your handlers, middleware or alarms do then. Faults
 * of one verb happen in the order they were asked for, one a call; without any it is the store.
 */
export function faultyStore<Store extends IdempotencyStore>(inner: Store): StoreFaults<Store> {
  const faults: Map<string, Fault[]> = new Map()
  const calls: StoreVerb<Store>[] = []
  const add = (verb: string, fault: Fault): void => {
    faults.set(verb, [...(faults.get(verb) ?? []), fault])
  }
  const store = new Proxy(inner, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name, target)
      if (typeof member !== 'function' || typeof name !== 'string') return member
      return (...args: unknown[]): unknown => {
        calls.push(name as StoreVerb<Store>)
        const call = (): Promise<unknown> => Reflect.apply(member, target, args)
        const fault = faults.get(name)?.shift()
        return fault === undefined ? call() : fault(call)
      }
    },
  })
  return {
    store,
    calls,
    failNext: (verb) => add(verb, () => Promise.reject(unavailable(`${verb} was not sent`))),
    loseNextAnswer: (verb) =>
      add(verb, async (call) => {
        await call()
        throw unavailable(`the answer to ${verb} was lost`)
      }),
    holdNext: (verb) => {
      const arrival = Promise.withResolvers<void>()
      const opening = Promise.withResolvers<void>()
      add(verb, async (call) => {
        arrival.resolve()
        await opening.promise
        return call()
      })
      return { reached: arrival.promise, release: () => opening.resolve() }
    },
  }
}

const unavailable = (message: string): IdempotencyError =>
  new IdempotencyError('IDEMPOTENCY_STORE_UNAVAILABLE', message)
