import type { SettledOutcome } from './context.ts'
import { IdempotencyError } from './errors.ts'
import type { IdempotencyEvent } from './events.ts'
import type { KeyPolicy } from './key-policy.ts'
import { defaultStatusPolicy } from './status-policy.ts'
import type { StatusState } from './status-policy.ts'
import type { RecoverFunction } from './recovery.ts'
import type { IdempotencyStore } from './store.ts'

/** Names the principal a key belongs to: user, tenant, account. Not an API key: it is rotated. */
export type ScopeFunction<Request> = (request: Request) => string | undefined

/** Named points where tests kill or pause a process. @internal */
export type Probe = (name: string, detail?: unknown) => void | Promise<void>

/** The part of the options that decides about safety; {@link presets} names two good sets. */
export interface PolicyOptions {
  /**
   * Where the effect begins: `'start'` treats the whole handler as past the commit point,
   * `'explicit'` waits for `ctx.commitPoint()`.
   * @defaultValue 'start'
   */
  readonly commitPoint?: 'start' | 'explicit'
  /**
   * A request that finds an unknown outcome: `'reject'` answers 409 and never executes again,
   * `'execute'` runs the handler again, which must then be idempotent itself. A function finds out
   * what happened, and its verdict is stored or the handler runs; see {@link RecoverFunction}.
   * @defaultValue 'reject'
   */
  readonly onIndeterminate?: 'reject' | 'execute' | RecoverFunction
  /**
   * The store cannot be asked: `'closed'` refuses (503), `'open'` executes without protection and
   * says so in `ctx.degraded`. The same with a record that cannot be read, which `'closed'` answers
   * with 409. Choose `'open'` only where the next system refuses a second execution.
   * @defaultValue 'closed'
   */
  readonly onStoreFailure?: 'closed' | 'open'
  /**
   * A claim without renewal is taken for lost after this time, in milliseconds. It is renewed every
   * third of it. Too short: a busy event loop loses its claim. Too long: a crash blocks the key
   * longer. Range 30…3 600 000.
   * @defaultValue 15_000
   */
  readonly leaseMs?: number
  /**
   * How long a lapsed claim stays known, in milliseconds; afterwards the key is new again.
   * Range 1 000…2 592 000 000 (30 days).
   * @defaultValue 86_400_000
   */
  readonly graceMs?: number
  /**
   * How long a result is replayed, counted from its completion, in milliseconds.
   * Range 1 000…2 592 000 000 (30 days).
   * @defaultValue 86_400_000
   */
  readonly retentionMs?: number
  /**
   * Renewal stops after this time, in milliseconds, so that a handler that never ends does not
   * block its key for ever. Range 1 000…86 400 000.
   * @defaultValue 600_000
   */
  readonly executionMaxMs?: number
  /**
   * A result above this size is not stored; a tombstone blocks the key instead. Bytes,
   * range 0…16 777 216.
   * @defaultValue 262_144
   */
  readonly resultMaxBytes?: number
  /**
   * A payload above this size is refused rather than executed unprotected. Bytes of its canonical
   * form, range 1 024…67 108 864.
   * @defaultValue 1_048_576
   */
  readonly payloadMaxBytes?: number
  /**
   * Most steps (`ctx.step`) of one operation. Range 1…1 000.
   * @defaultValue 64
   */
  readonly stepsMax?: number
  /**
   * The results of all steps together, which travel with every further step. Bytes of JSON, range
   * 64…1 048 576.
   * @defaultValue 65_536
   */
  readonly stepsMaxBytes?: number
  /**
   * Decides what an HTTP status does to the claim.
   * @defaultValue {@link defaultStatusPolicy}
   */
  readonly storeStatus?: (status: number, state: StatusState) => SettledOutcome
}

/** Options of {@link createIdempotency}. */
export interface IdempotencyOptions<Request> extends PolicyOptions {
  /** Where records are kept. */
  readonly store: IdempotencyStore
  /**
   * Whose key it is. There is no default: without a scope one user's key replays another's
   * response. A function that gives no text makes the request fail, never share a namespace.
   */
  readonly scope: ScopeFunction<Request> | 'dangerouslyGlobal'
  /** What a key must look like. */
  readonly key?: KeyPolicy
  /** Told what happens. What it throws is reported as a process warning and changes nothing. */
  readonly onEvent?: (event: IdempotencyEvent) => void
  /** @internal */
  readonly probe?: Probe
}

/** Every policy option with its value. */
export type ResolvedPolicy = Required<PolicyOptions>

const day = 86_400_000

const defaults: ResolvedPolicy = {
  commitPoint: 'start',
  onIndeterminate: 'reject',
  onStoreFailure: 'closed',
  leaseMs: 15_000,
  graceMs: day,
  retentionMs: day,
  executionMaxMs: 600_000,
  resultMaxBytes: 262_144,
  payloadMaxBytes: 1_048_576,
  stepsMax: 64,
  stepsMaxBytes: 65_536,
  storeStatus: defaultStatusPolicy,
}

const ranges = {
  leaseMs: [30, 3_600_000],
  graceMs: [1_000, 30 * day],
  retentionMs: [1_000, 30 * day],
  executionMaxMs: [1_000, day],
  resultMaxBytes: [0, 16_777_216],
  payloadMaxBytes: [1_024, 67_108_864],
  stepsMax: [1, 1_000],
  stepsMaxBytes: [64, 1_048_576],
} as const

const choices = {
  commitPoint: ['start', 'explicit'],
  onIndeterminate: ['reject', 'execute'],
  onStoreFailure: ['closed', 'open'],
} as const

/** Fills in defaults and refuses what is out of range. */
export function resolvePolicy(
  options: PolicyOptions,
  base: ResolvedPolicy = defaults,
): ResolvedPolicy {
  const resolved: Record<string, unknown> = { ...base }
  for (const name of Object.keys(defaults) as (keyof ResolvedPolicy)[]) {
    if (options[name] !== undefined) resolved[name] = options[name]
  }
  for (const [name, [min, max]] of Object.entries(ranges)) {
    const value = resolved[name]
    if (!Number.isInteger(value) || (value as number) < min || (value as number) > max) {
      throw new IdempotencyError(
        'IDEMPOTENCY_OPTIONS_INVALID',
        `${name} must be an integer from ${min} to ${max}, not ${String(value)}`,
      )
    }
  }
  for (const [name, allowed] of Object.entries(choices)) {
    const value = resolved[name]
    if ((allowed as readonly unknown[]).includes(value)) continue
    if (name === 'onIndeterminate' && typeof value === 'function') continue
    throw new IdempotencyError(
      'IDEMPOTENCY_OPTIONS_INVALID',
      `${name} must be '${allowed.join("' or '")}', not ${String(value)}`,
    )
  }
  return Object.freeze(resolved) as ResolvedPolicy
}
