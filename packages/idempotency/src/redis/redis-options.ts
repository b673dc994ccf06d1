import { IdempotencyError } from '../errors.ts'
import type { BreakerOptions } from './breaker.ts'
import type { DurabilityOptions } from './durability.ts'
import type { EncryptionOptions } from './encryption.ts'
import type { EvictionCheckMode } from './eviction.ts'
import type { RedisPort } from './redis-port.ts'

/** Options of `redisStore`. */
export interface RedisStoreOptions {
  /** The connection; `Redis` or `Cluster` of ioredis, or anything with the same few methods. */
  readonly client: RedisPort
  /**
   * Begins every key. Without braces, so that a Cluster spreads the records.
   * @defaultValue 'idempotency:'
   */
  readonly prefix?: string
  /**
   * How long one step may take, in milliseconds, connection troubles included. Too short: a busy
   * Redis counts as down. Too long: requests wait for a Redis that is down. Range 1…60 000.
   * @defaultValue 250
   */
  readonly deadlineMs?: number
  /**
   * What to do about a Redis whose `maxmemory-policy` is not `noeviction`, or that does not tell:
   * `'error'` refuses every claim with `IDEMPOTENCY_STORE_UNSAFE`, `'warn'` emits a process warning.
   * Asked with INFO beside the first claim, then once a minute; of a Cluster, every master.
   * @defaultValue 'error'
   */
  readonly checkEviction?: EvictionCheckMode
  /**
   * Refuses claims at once while Redis does not answer, instead of after a deadline each; `false`
   * never does.
   * @defaultValue {@link BreakerOptions} with its defaults
   */
  readonly breaker?: BreakerOptions | false
  /**
   * Executes only what replicas have acknowledged, so that a failover to one of them forgets no
   * claim. A claim that they do not acknowledge in time is taken back and refused. Costs the time
   * of replication; `WAIT` does not make the replicas write to disk, and does not keep a replica
   * without the claim from being promoted. Not on a Cluster.
   * @defaultValue none
   */
  readonly durability?: DurabilityOptions
  /**
   * Encrypts results and recorded steps with AES-256-GCM before they leave the process. Not
   * encrypted: states, times, and the SHA-256 of the request, which a short and guessable request
   * can be found from. A record that cannot be decrypted blocks its key.
   * @defaultValue none
   */
  readonly encryption?: EncryptionOptions
}

/** {@link RedisStoreOptions} with its defaults. */
export interface ResolvedRedisOptions {
  readonly client: RedisPort
  readonly prefix: string
  readonly deadlineMs: number
  readonly checkEviction: EvictionCheckMode
  readonly breaker: BreakerOptions | false
  readonly durability: DurabilityOptions | undefined
  readonly encryption: EncryptionOptions | undefined
}

/** Fills in the defaults and refuses what is out of range. */
export function resolveRedisOptions(options: RedisStoreOptions): ResolvedRedisOptions {
  const { client, prefix = 'idempotency:', deadlineMs = 250 } = options
  const { checkEviction = 'error', breaker = {}, durability, encryption } = options
  if (typeof client?.callBuffer !== 'function') {
    throw invalid('client must have the method callBuffer, as Redis and Cluster of ioredis do')
  }
  if (/[{}]/.test(prefix)) throw invalid(`prefix must not contain braces: ${prefix}`)
  if (!['error', 'warn', 'off'].includes(checkEviction)) {
    throw invalid(`checkEviction must be 'error', 'warn' or 'off', not ${String(checkEviction)}`)
  }
  requireInteger('deadlineMs', deadlineMs, 60_000)
  if (breaker !== false) {
    requireInteger('breaker.failuresMax', breaker.failuresMax ?? 1, 1_000)
    requireInteger('breaker.openMs', breaker.openMs ?? 1, 60_000)
  }
  if (durability !== undefined) checkDurability(durability, client, deadlineMs)
  if (encryption !== undefined) checkEncryption(encryption)
  return { client, prefix, deadlineMs, checkEviction, breaker, durability, encryption }
}

function checkEncryption({ keys, currentKeyId }: EncryptionOptions): void {
  for (const [id, key] of Object.entries(keys)) {
    if (!/^[\x21-\x7e]{1,32}$/.test(id)) {
      throw invalid(`encryption: the id of a key has 1 to 32 visible ASCII characters, not '${id}'`)
    }
    if (!(key instanceof Uint8Array) || key.byteLength !== 32) {
      throw invalid(`encryption: the key '${id}' must be 32 bytes`)
    }
  }
  if (Object.hasOwn(keys, currentKeyId)) return
  throw invalid(`encryption.currentKeyId '${currentKeyId}' is not among encryption.keys`)
}

function checkDurability(
  { client: waiting, replicas, timeoutMs = 1 }: DurabilityOptions,
  client: RedisPort,
  deadlineMs: number,
): void {
  if (typeof waiting?.callBuffer !== 'function' || waiting === client) {
    throw invalid('durability.client must be another connection: WAIT holds up what is behind it')
  }
  if (client.nodes !== undefined || waiting.nodes !== undefined) {
    throw invalid('durability cannot be had of a Cluster: WAIT speaks of one of its masters only')
  }
  if (waiting.options?.enableAutoPipelining === true) {
    throw invalid('durability.client must not pipeline automatically: WAIT has to come last')
  }
  requireInteger('durability.replicas', replicas, 10)
  requireInteger('durability.timeoutMs', timeoutMs, Math.max(1, Math.floor(deadlineMs / 2)))
}

function requireInteger(name: string, value: unknown, max: number): void {
  if (Number.isInteger(value) && (value as number) >= 1 && (value as number) <= max) return
  throw invalid(`${name} must be an integer from 1 to ${max}, not ${String(value)}`)
}

function invalid(message: string): IdempotencyError {
  return new IdempotencyError('IDEMPOTENCY_OPTIONS_INVALID', message)
}
