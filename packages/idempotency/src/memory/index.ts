/**
 * A store inside the process, for unit tests of your own handlers.
 *
 * @packageDocumentation
 */
export { memoryStore } from './memory-store.ts'
export type { MemoryStoreOptions } from './memory-store.ts'
