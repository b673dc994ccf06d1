/**
 * Stable codes of {@link LedgerError}.
 *
 * - `LEDGER_BUSY` (retryable): a lock or statement time-out, a deadlock, a serialization failure,
 *   no connection to be had. Thrown inside a transaction (run it again as a whole) and by reads.
 * - `LEDGER_CONNECTION_LOST` (retryable): the connection broke. Inside a transaction that did not
 *   commit, nothing was written.
 * - `LEDGER_TRANSACTION_ABORTED`: an earlier statement of this transaction failed; roll it back.
 * - `LEDGER_NOT_MIGRATED`: the schema, a table or a function is missing; run the migrations.
 * - `LEDGER_MIGRATION_FAILED`: a migration failed; `cause` says why.
 * - `LEDGER_MIGRATION_CHANGED`: the database has run another text of a migration than this package
 *   has: a released migration was edited, or this is another build.
 * - `LEDGER_SCHEMA_NEWER`: a newer version of the package has migrated the database.
 * - `LEDGER_ROLES_NEEDED`: the role that migrates may not create the ledger's roles, or not become
 *   the owner; the message has the SQL that somebody else has to run.
 * - `LEDGER_INVALID_OPTION`: an option or query argument outside its documented range.
 * - `LEDGER_DATABASE`: any other error of PostgreSQL, in `cause`.
 */
export type LedgerErrorCode =
  | 'LEDGER_BUSY'
  | 'LEDGER_CONNECTION_LOST'
  | 'LEDGER_TRANSACTION_ABORTED'
  | 'LEDGER_NOT_MIGRATED'
  | 'LEDGER_MIGRATION_FAILED'
  | 'LEDGER_MIGRATION_CHANGED'
  | 'LEDGER_SCHEMA_NEWER'
  | 'LEDGER_ROLES_NEEDED'
  | 'LEDGER_INVALID_OPTION'
  | 'LEDGER_DATABASE'

// Found on errors of any copy of this package: instanceof would only know its own.
const BRAND: symbol = Symbol.for('@payflow/ledger.error')

/** Every error that this package throws. Business refusals are not errors: they are returned. */
export class LedgerError extends Error {
  static {
    Object.defineProperty(this.prototype, BRAND, { value: true })
  }

  /** Stable; part of the public API. */
  readonly code: LedgerErrorCode
  /** True: the same work, done again from its beginning, may succeed. */
  readonly retryable: boolean
  constructor(
    code: LedgerErrorCode,
    message: string,
    options: { readonly cause?: unknown; readonly retryable?: boolean } = {},
  ) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined)
    this.name = 'LedgerError'
    this.code = code
    this.retryable = options.retryable ?? false
  }

  /** True for a ledger error of any copy of this package in the process. */
  static is(value: unknown): value is LedgerError {
    return typeof value === 'object' && value !== null && BRAND in value
  }
}
