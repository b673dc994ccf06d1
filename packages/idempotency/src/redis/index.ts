/**
 * The Redis store.
 *
 * @packageDocumentation
 */
export type { BreakerOptions } from './breaker.ts'
export type { DurabilityOptions } from './durability.ts'
export type { EncryptionOptions } from './encryption.ts'
export type { EvictionCheckMode } from './eviction.ts'
export type { RedisStoreOptions } from './redis-options.ts'
export type { RedisArgument, RedisNode, RedisPort } from './redis-port.ts'
export { redisStore } from './redis-store.ts'
export type { RedisIdempotencyStore } from './redis-store.ts'
