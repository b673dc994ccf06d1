import type { IdempotencyStore } from '../store.ts'
import type { Instruments } from './instruments.ts'

type Verb = (...args: unknown[]) => Promise<unknown>

/** The verbs of a store; a new one does not compile without a word about it here. */
const verbs: Readonly<Record<keyof IdempotencyStore, true>> = {
  claim: true,
  renew: true,
  mark: true,
  checkpoint: true,
  complete: true,
  release: true,
  inspect: true,
  listIndeterminate: true,
  resolve: true,
  forget: true,
}

/** The same store; what it has besides the verbs stays as it is. */
export function tracedStore<Store extends IdempotencyStore>(
  store: Store,
  instruments: Instruments,
): Store {
  return new Proxy(store, {
    get(target, name) {
      // The store itself is `this`: a proxy cannot see private fields.
      const member: unknown = Reflect.get(target, name, target)
      if (typeof member !== 'function') return member
      if (!Object.hasOwn(verbs, name)) return member.bind(target) as unknown
      const verb = member as Verb
      return (...args: unknown[]) =>
        instruments.step(String(name), idOf(args[0]), () => Reflect.apply(verb, target, args))
    },
  })
}

function idOf(argument: unknown): string | undefined {
  if (typeof argument === 'string') return argument
  const id = (argument as { readonly id?: unknown } | null | undefined)?.id
  return typeof id === 'string' ? id : undefined
}
