import type { Operation } from './operation.ts'
import type { ForgetRequest } from './store.ts'

/** Which record: by its operation, or by the id that events, contexts and listings show. */
export type RecordTarget<Request> = RecordById | OperationTarget<Request>

/** A record by its id. */
export interface RecordById {
  readonly id: string
}

/** A record by what its request was. */
export type OperationTarget<Request> = Pick<
  Operation<Request>,
  'name' | 'key' | 'request' | 'scope'
>

/** What must be true of a record for an operator's change. */
export type ResolveCondition = Pick<ForgetRequest, 'ifFence'>

/** What must be true of a record to be forgotten. */
export type ForgetCondition = Pick<ForgetRequest, 'ifStanding' | 'ifFence'>

/** Which page of a listing. */
export interface ListOptions {
  /** From the page before; none for the first. */
  readonly cursor?: string | undefined
  /**
   * About so many records are looked at for one page, most of which are not indeterminate. More
   * needs fewer round trips and holds Redis up longer. Range 1…10 000.
   * @defaultValue 500
   */
  readonly scanCount?: number | undefined
}
