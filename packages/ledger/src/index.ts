/**
 * Atomic double-entry transfers in PostgreSQL.
 *
 * @packageDocumentation
 */
export { createLedger } from './create-ledger.ts'
export { applyLedgerRoles } from './migrations/apply-ledger-roles.ts'
export { migrateLedger } from './migrations/migrate-ledger.ts'
export { createLedgerMigrations } from './migrations/provider.ts'
export { formatDecimal, minor, parseDecimal } from './minor.ts'
export { surviveConnectionLoss } from './pool.ts'
export { preparedStatements } from './prepared-statements.ts'
export { LedgerError } from './errors.ts'
export type { LedgerErrorCode } from './errors.ts'
export type {
  AccountChangeResult,
  AccountInput,
  AccountResult,
  CloseInput,
  FreezeInput,
  HistoryQuery,
  LedgerAccounts,
  LimitsInput,
} from './accounts.ts'
export type { LedgerAudit } from './audit.ts'
export { ed25519Signer } from './signer.ts'
export type { CheckpointSigner, PublicKeys } from './signer.ts'
export type { CheckpointResult, LedgerCheckpoints } from './checkpoint.ts'
export type { Checkpoint, CheckpointLeaf, CheckpointSignature } from './checkpoint-format.ts'
export type { ExportOptions, LedgerExports } from './export.ts'
export type {
  LedgerPeriods,
  PeriodFinding,
  PeriodVerification,
  SealedPeriod,
  SealedTotal,
  SealInput,
  SealRejectionReason,
  SealResult,
} from './period.ts'
export { verifyExport } from './verify-export.ts'
export type {
  ExportFinding,
  ExportFindingKind,
  ExportVerification,
  VerifyExportOptions,
} from './verify-export.ts'
export type {
  CheckpointFinding,
  CheckpointFindingKind,
  CheckpointVerification,
  VerifyCheckpointsOptions,
} from './verify-checkpoints.ts'
export type { Currency, CurrencyResult, LedgerCurrencies } from './currencies.ts'
export type { Batcher, BatcherOptions } from './batcher.ts'
export type { Executor } from './executor.ts'
export type { LedgerGroups, TransferManyOptions } from './groups.ts'
export type { JournalInput, Leg } from './journal.ts'
export type { Ledger, LedgerOptions } from './ledger.ts'
export type {
  CaptureInput,
  HoldInput,
  LedgerMoves,
  MovementInput,
  OnReject,
  ReverseInput,
  TransferInput,
  TransferInputs,
} from './moves.ts'
export type { BalanceAtQuery, EntriesQuery, StatementQuery } from './history.ts'
export type { LedgerReads } from './reads.ts'
export type {
  Busy,
  BusyCause,
  Conflict,
  HoldResult,
  JournalResult,
  Outcome,
  Rejected,
  RejectionDetail,
  RejectionReason,
  ReleaseResult,
  TransferResult,
  Unknown,
} from './outcomes.ts'
export type {
  Account,
  AccountChange,
  AccountKind,
  Balance,
  BalanceAt,
  BalanceAxis,
  Entry,
  EntryPage,
  Frozen,
  Hold,
  HoldState,
  HotPolicy,
  Journal,
  Lookup,
  Metadata,
  Rejection,
  Side,
  Statement,
  StatementPeriod,
  Transfer,
  TransferKind,
  TrialBalance,
  TrialBalanceLine,
  TrialBalanceTotal,
} from './records.ts'
export type {
  Finding,
  FindingKind,
  Verification,
  VerifiedSoFar,
  VerifyOptions,
  VerifyProgress,
} from './verify.ts'
export type { AmountMinor, Minor } from './minor.ts'
export type { LedgerRolesOptions } from './migrations/apply-ledger-roles.ts'
export type { LedgerMigrationOptions, MigrateLedgerOptions } from './migrations/options.ts'
export type { LedgerRoles } from './migrations/role-names.ts'
export type { PoolPort } from './pool.ts'
export type { Resolution, ResolveInput } from './resolve.ts'
export type { RunOptions, RunResult, RunUnknown } from './run.ts'
export type { LedgerUnits, Locked } from './units.ts'
