import type { ResolvedKeyPolicy } from './key-policy.ts'
import type { Decision, Operation, Outcome } from './operation.ts'
import type { IdempotencyContext } from './context.ts'
import type { PolicyOptions, ResolvedPolicy } from './options.ts'
import type { RecordView } from './store.ts'

/** One set of rules over one store. Made by {@link createIdempotency}; holds no connection. */
export interface Idempotency<Request> {
  /** The rules in force. */
  readonly policy: ResolvedPolicy
  /** What a key must look like; adapters check the header with it. */
  readonly keyPolicy: ResolvedKeyPolicy
  /**
   * Runs `work` at most once per scope, name and key while the store remembers, and gives later
   * calls its stored value. The value must survive JSON. If `work` throws, the claim is released
   * before the commit point and kept as indeterminate after it, and the error is passed on.
   *
   * Does not make `work` atomic: a crash after the commit point leaves an unknown outcome, with
   * that name.
   *
   * @throws IdempotencyError with code `IDEMPOTENCY_SCOPE_MISSING`, `IDEMPOTENCY_KEY_INVALID` or
   * `IDEMPOTENCY_PAYLOAD_TOO_LARGE`, before anything is executed.
   */
  execute<T>(
    operation: Operation<Request>,
    work: (context: IdempotencyContext) => Promise<T>,
    overrides?: PolicyOptions,
  ): Promise<Outcome<T>>
  /**
   * The first half of {@link Idempotency.execute}, for adapters: decides, and on `execute` hands
   * over the claim. One round trip. Never rejects because of the store.
   *
   * @throws IdempotencyError as `execute`.
   */
  begin(operation: Operation<Request>, overrides?: PolicyOptions): Promise<Decision>
  /** Reads the record of an operation, without changing it. */
  inspect(
    operation: Pick<Operation<Request>, 'name' | 'key' | 'request' | 'scope'>,
  ): Promise<RecordView | undefined>
}
