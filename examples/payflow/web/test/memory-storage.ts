import type { KeyStorage } from '../src/pending-payment.ts'

/** A `localStorage` for one test; what it holds outlives any object that uses it, like a reload. */
export function memoryStorage(): KeyStorage {
  const items = new Map<string, string>()
  return {
    get length() {
      return items.size
    },
    key: (index) => [...items.keys()][index] ?? null,
    getItem: (name) => items.get(name) ?? null,
    setItem: (name, value) => void items.set(name, value),
    removeItem: (name) => void items.delete(name),
  }
}
