import type { IdempotencyStore } from '../../src/index.ts'

/** A store that passes everything on to another one, but for the verbs given here. */
export function storeWith(
  store: IdempotencyStore,
  verbs: Partial<IdempotencyStore>,
): IdempotencyStore {
  return {
    claim: (request) => store.claim(request),
    renew: (handle, lease) => store.renew(handle, lease),
    mark: (handle, state, lease) => store.mark(handle, state, lease),
    checkpoint: (handle, checkpoint) => store.checkpoint(handle, checkpoint),
    complete: (handle, completion) => store.complete(handle, completion),
    release: (handle) => store.release(handle),
    inspect: (id) => store.inspect(id),
    listIndeterminate: (request) => store.listIndeterminate(request),
    resolve: (resolution) => store.resolve(resolution),
    forget: (request) => store.forget(request),
    ...verbs,
  }
}
