/**
 * Keeps the key of an action where a crash or a reload does not lose it: a table, a file, the
 * browser's local storage.
 */
export interface KeyStorage {
  /**
   * Stores `key` for the action unless it has one, and gives the one it has. One atomic step: two
   * callers at the same moment must get the same key. When it resolves, the key survives a crash;
   * only then is the request sent.
   */
  claim(action: string, key: string): string | Promise<string>
  /** Forgets the key of an action that is over. */
  forget(action: string): void | Promise<void>
}

/** What {@link webStorageKeys} asks of `localStorage`. */
export interface WebStorage {
  getItem(name: string): string | null
  setItem(name: string, value: string): void
  removeItem(name: string): void
}

/** The part of `navigator.locks` that is used. */
interface WebLocks {
  request<T>(name: string, body: () => T | Promise<T>): Promise<T>
}

/**
 * Keeps keys in the `localStorage` of a browser, so that a reload goes on with the same key. Tabs
 * are kept apart by `navigator.locks` where the browser has it (all that are current, in a secure
 * context).
 *
 * @param prefix - Begins every name. Use one per user, if several use the same browser.
 */
export function webStorageKeys(storage: WebStorage, prefix: string = 'idempotency:'): KeyStorage {
  const { locks } = (globalThis as { navigator?: { locks?: WebLocks } }).navigator ?? {}
  const claimNow = (name: string, key: string): string => {
    const stored = storage.getItem(name)
    if (stored !== null) return stored
    storage.setItem(name, key)
    return key
  }
  return {
    claim(action, key) {
      const name = prefix + action
      return locks === undefined
        ? claimNow(name, key)
        : locks.request(name, () => claimNow(name, key))
    },
    forget: (action) => storage.removeItem(prefix + action),
  }
}
