/**
 * One execution per request key: claims with lease, fence and a named unknown outcome.
 *
 * @packageDocumentation
 */
export type { IdempotencyContext, SettledOutcome } from './context.ts'
export { createIdempotency } from './create-idempotency.ts'
export { IdempotencyError } from './errors.ts'
export type { IdempotencyErrorCode } from './errors.ts'
export type { IdempotencyEvent, LossReason } from './events.ts'
export type { Idempotency } from './idempotency.ts'
export type { KnownResponse, KnownResult } from './known-result.ts'
export { parseKey } from './key-policy.ts'
export type { KeyPolicy, ParsedKey, ResolvedKeyPolicy } from './key-policy.ts'
export type {
  ForgetCondition,
  ListOptions,
  OperationTarget,
  RecordById,
  RecordTarget,
  ResolveCondition,
} from './operator.ts'
export type { RecoverFunction, Recovery, RecoveryVerdict } from './recovery.ts'
export type { Claim, Decision, Operation, Outcome } from './operation.ts'
export type {
  IdempotencyOptions,
  PolicyOptions,
  Probe,
  ResolvedPolicy,
  ScopeFunction,
} from './options.ts'
export { presets } from './presets.ts'
export type { PresetField } from './presets.ts'
export { defaultStatusPolicy } from './status-policy.ts'
export type { StatusState } from './status-policy.ts'
export type {
  Checkpoint,
  ClaimHandle,
  ClaimRequest,
  ClaimResult,
  ClaimState,
  Completion,
  ForgetRequest,
  IdempotencyStore,
  IndeterminateReason,
  LeaseTimes,
  ListRequest,
  Minted,
  OperatorResult,
  RecordPage,
  RecordStanding,
  RecordState,
  RecordSummary,
  RecordView,
  Resolution,
  StepResult,
} from './store.ts'
