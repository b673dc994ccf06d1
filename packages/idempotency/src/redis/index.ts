/**
 * The Redis store.
 *
 * @packageDocumentation
 */
export type { RedisArgument, RedisPort } from './redis-port.ts'
export { redisStore } from './redis-store.ts'
export type { RedisStoreOptions } from './redis-store.ts'
