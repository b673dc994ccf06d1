/** A door in a handler: the test sees who has come to it, and opens it. */
export interface Gate {
  /** Resolves when the handler is here. */
  readonly reached: Promise<void>
  /** Waits in the handler until the test opens. */
  pass(): Promise<void>
  open(): void
}

export function gate(): Gate {
  const arrival = Promise.withResolvers<void>()
  const opening = Promise.withResolvers<void>()
  return {
    reached: arrival.promise,
    pass() {
      arrival.resolve()
      return opening.promise
    },
    open: () => opening.resolve(),
  }
}
