import type { ResolvedKeyPolicy } from './key-policy.ts'
import type { Decision, Operation, Outcome } from './operation.ts'
import type { IdempotencyContext } from './context.ts'
import type { PolicyOptions, ResolvedPolicy } from './options.ts'
import type { KnownResult } from './known-result.ts'
import type { ForgetCondition, ListOptions, RecordTarget, ResolveCondition } from './operator.ts'
import type { OperatorResult, RecordPage, RecordView } from './store.ts'

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
  /**
   * Reads a record, without changing it; `undefined` if there is none.
   *
   * @throws IdempotencyError with code `IDEMPOTENCY_RECORD_UNREADABLE` or
   * `IDEMPOTENCY_STORE_UNAVAILABLE`.
   */
  inspect(target: RecordTarget<Request>): Promise<RecordView | undefined>
  /**
   * One page of the records whose outcome is unknown. A page may be empty; go on while there is a
   * cursor. Walks all records of the store, also those of other services with the same prefix, in
   * small pieces. During a reshard or failover of a Cluster it may miss some.
   *
   * @throws IdempotencyError with code `IDEMPOTENCY_CURSOR_INVALID`, `IDEMPOTENCY_OPTIONS_INVALID`
   * or `IDEMPOTENCY_STORE_UNAVAILABLE`.
   */
  listIndeterminate(options?: ListOptions): Promise<RecordPage>
  /**
   * Stores the result of an operation whose outcome is unknown, once somebody has found it out.
   * From then on it is replayed, for the retention of these rules. `refused` if the record does not
   * stand as indeterminate, or has another fence: look again.
   *
   * @throws IdempotencyError with code `IDEMPOTENCY_RESULT_INVALID` or
   * `IDEMPOTENCY_STORE_UNAVAILABLE`.
   */
  resolve(
    target: RecordTarget<Request>,
    result: KnownResult,
    condition?: ResolveCondition,
  ): Promise<OperatorResult>
  /**
   * Forgets a record, so that the next request with its key executes. Of an indeterminate one: only
   * when it is known that the effect has not happened and cannot happen any more. Never a running
   * one.
   *
   * @throws IdempotencyError with code `IDEMPOTENCY_STORE_UNAVAILABLE`.
   */
  forget(target: RecordTarget<Request>, condition: ForgetCondition): Promise<OperatorResult>
}
