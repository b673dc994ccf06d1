import type { Expression, Kysely, Selectable, Transaction, UpdateType } from 'kysely'
import type { ReversalEvent } from './events.ts'
import type { MassReversalAction, MassReversalOptions } from './mass-reversal.ts'
import type { FinalOutcome, ResolveOutcome } from './outcome.ts'
import type { Probe } from './probe.ts'
import type { ReversalTelemetry } from './telemetry.ts'

/** A row of the user's table, as Kysely's types describe it. */
export type StaleRow<DB, T extends keyof DB> = Selectable<DB[T]>

/** Columns to write with the status: values or SQL expressions of their types. */
export type StaleRowChanges<DB, T extends keyof DB> = {
  readonly [C in keyof DB[T]]?: UpdateType<DB[T][C]> | Expression<UpdateType<DB[T][C]>>
}

type ColumnOf<DB, T extends keyof DB> = keyof DB[T] & string

/** Which columns of the user's table mean what. Times must be `timestamptz`. */
export interface ReversalColumns<DB, T extends keyof DB> {
  /** The primary key, or another unique column. Any type that Postgres can order. */
  readonly id: ColumnOf<DB, T>
  /** The status, text or an enum. */
  readonly status: ColumnOf<DB, T>
  /** When the row was written, by the database's clock (`default now()`). Never null. */
  readonly createdAt: ColumnOf<DB, T>
  /**
   * When somebody confirmed having taken the row's message; null before that. Leave it out when
   * rows are not sent anywhere: then all of them are on the processing leash, from `createdAt`.
   */
  readonly dispatchedAt?: ColumnOf<DB, T> | undefined
}

/** The values of the status column that the job reads and writes. */
export interface ReversalStatuses {
  /** The one status that can be stale. */
  readonly pending: string
  /** Written when `resolve` answers `reversed`. */
  readonly reversed: string
  /** Written when `resolve` answers `completed`. */
  readonly completed: string
}

/** Where the job writes down that it ran; see {@link migrateReversal}. */
export interface LogbookOptions {
  /**
   * PostgreSQL schema of the table `job`, made by {@link migrateReversal}.
   *
   * @defaultValue 'reversal'
   */
  readonly schema?: string | undefined
  /**
   * Under which name. Jobs of the same name share one row: their counts add up.
   *
   * @defaultValue the name of the table of stale rows
   */
  readonly job?: string | undefined
}

/** Settings of {@link createReversal}. They are copied and checked once. */
export type ReversalOptions<DB, T extends keyof DB & string> = ReversalSettings<DB, T> &
  (ResolveOutside<DB, T> | ResolveInside<DB, T>)

/** Decides first, then records: for a ledger, or another party, in a database of its own. */
export interface ResolveOutside<DB, T extends keyof DB & string> {
  /**
   * Decides the row's end, exactly once and for ever: asked again about the same row, by this job,
   * by another one at the same time, or after a crash, it must give the same final answer. Runs
   * outside any transaction, with no lock held, so it may use the network.
   */
  readonly resolve: (
    row: StaleRow<DB, T>,
    context: { readonly signal: AbortSignal },
  ) => Promise<ResolveOutcome>
  readonly resolveInTransaction?: undefined
}

/** Decides and records in one transaction: for a ledger in the database of the table itself. */
export interface ResolveInside<DB, T extends keyof DB & string> {
  /**
   * Decides the row's end with what it reads and writes through `trx`, in the very transaction that
   * records it: decision, status and hook commit together or not at all. The row is locked (FOR NO
   * KEY UPDATE) and was found stale again under that lock. What it wrote is rolled back when it
   * answers `not_yet` or throws, so its answer need not be repeatable. Keep the network out of it:
   * after `resolveTimeoutMs` the transaction is rolled back. Stop at `signal`: a statement sent
   * through `trx` after that is never answered, or refused.
   */
  readonly resolveInTransaction: (
    trx: Transaction<DB>,
    row: StaleRow<DB, T>,
    context: { readonly signal: AbortSignal },
  ) => Promise<ResolveOutcome>
  readonly resolve?: undefined
}

/** What a job has besides the decision itself. */
export interface ReversalSettings<DB, T extends keyof DB & string> {
  /**
   * The database that holds the table. A pool of at least `concurrency` connections; the job holds
   * none of them while `resolve` runs, and one a row while `resolveInTransaction` does.
   *
   * Each client of the pool needs a listener for `error`, besides the pool's own: when the server
   * ends the connection of a transaction, because it exceeded its time-out or the server restarts,
   * `pg` otherwise ends the process. `surviveConnectionLoss(pool)` of `@payflow/ledger` adds both;
   * without it: `pool.on('connect', (client) => client.on('error', log))`.
   */
  readonly db: Kysely<DB>

  /** The table, schema-qualified unless the search path finds it. */
  readonly table: T

  /** Which columns mean what. */
  readonly columns: ReversalColumns<DB, T>

  /** Which statuses mean what. */
  readonly statuses: ReversalStatuses

  /**
   * How old a row may get, in milliseconds, before its message is confirmed taken. Too short
   * reverses what a slow broker would still have delivered; too long keeps money blocked.
   * Whole number, 1 to 31 days.
   *
   * @defaultValue 60_000 (one minute)
   */
  readonly dispatchTimeoutMs?: number | undefined

  /**
   * How long, in milliseconds from `dispatchedAt`, a row may wait to be processed. A backlog is not
   * a failure: keep this well above the longest queue you ever want to survive, or honest work is
   * reversed in the very minute it is needed most. Whole number, 1 to 31 days.
   *
   * @defaultValue 900_000 (fifteen minutes)
   */
  readonly processingTimeoutMs?: number | undefined

  /**
   * Rows created before this moment are never touched. Set it when the job meets a table that has
   * rows from before its time.
   *
   * @defaultValue none
   */
  readonly notBefore?: Date | undefined

  /**
   * Rows read at a time, and so the most the job keeps in memory. 1 to 10_000.
   *
   * @defaultValue 100
   */
  readonly batchSize?: number | undefined

  /**
   * Rows resolved side by side. Each takes one connection for the moment of recording. 1 to 100.
   *
   * @defaultValue 4
   */
  readonly concurrency?: number | undefined

  /**
   * The most rows one run may settle; rows left undecided do not count, so that they can't keep
   * others from their turn. Whole number, at least 1.
   *
   * @defaultValue 10_000
   */
  readonly maxPerRun?: number | undefined

  /**
   * After how many milliseconds a run starts no further row. Also the longest that a statement which
   * reads the table or writes into the logbook may take, behind an ALTER TABLE for example; then the
   * run fails, to be tried again. Keep it, plus `resolveTimeoutMs`, under the period of the
   * schedule. Whole number, at least 1.
   *
   * @defaultValue 40_000
   */
  readonly timeBudgetMs?: number | undefined

  /**
   * How long one decision may take, in milliseconds. Then its signal is aborted, its answer no
   * longer listened to, what it still sends through its `trx` is not carried out, and the row counts
   * as failed for this run. The same for `onResolved`. A second later the server itself ends a
   * statement, or a pause between two, in the transaction that records, and with a pause its
   * connection (see `db`), so that a frozen job holds no lock for ever. Whole number, at least 1.
   *
   * @defaultValue 10_000
   */
  readonly resolveTimeoutMs?: number | undefined

  /**
   * What a run does when it meets a mass reversal (see {@link MassReversalOptions}). Rows that are
   * stale by the hundred are a fault of the system around them, seldom of the rows.
   *
   * - `proceed`: ends them all the same. People wait for their money, and the ledger decides.
   * - `pause`: decides nothing in this run, and looks again in the next. Not when the rows could
   *   only not be counted (`uncounted`): then it proceeds.
   *
   * Either way the run says so: the event `mass_reversal`, `RunResult.massReversal`, and an exit
   * code of the command.
   *
   * @defaultValue 'proceed'
   */
  readonly onMassReversal?: MassReversalAction | undefined

  /** From when on it is a mass reversal. */
  readonly massReversal?: MassReversalOptions<DB, T> | undefined

  /**
   * Keeps counts and the time of the last success in the database, where a long-lived service can
   * read them with `metrics()`: a CronJob is gone before anybody could ask it. Needs the table of
   * {@link migrateReversal}. Counts are added after each batch; those of a batch in which the
   * process was killed are missing.
   *
   * @defaultValue none
   */
  readonly logbook?: LogbookOptions | undefined

  /**
   * Further columns to write in the very statement that changes the status, for tables whose
   * constraints tie them together (a failure code, a time of settlement).
   */
  readonly changes?:
    | ((row: StaleRow<DB, T>, outcome: FinalOutcome) => StaleRowChanges<DB, T>)
    | undefined

  /**
   * Called when this job settled the row, inside the transaction that does: what it writes through
   * `trx` commits together with the status, or not at all. Not called for a row that another
   * writer settled. May be called again for a row whose transaction did not commit. Keep the
   * network out of it.
   */
  readonly onResolved?:
    | ((trx: Transaction<DB>, row: StaleRow<DB, T>, outcome: FinalOutcome) => Promise<void>)
    | undefined

  /**
   * Says how a row would end, without deciding or writing anything: for `report`. Outside any
   * transaction.
   *
   * @defaultValue none: the report does not foretell
   */
  readonly preview?: ((row: StaleRow<DB, T>) => Promise<ResolveOutcome>) | undefined

  /** Spans and metrics; `telemetry()` of `@payflow/reversal/opentelemetry` makes one. */
  readonly telemetry?: ReversalTelemetry | undefined

  /** Observer for logs and metrics. */
  readonly onEvent?: ((event: ReversalEvent) => void) | undefined

  /** @internal */
  readonly probe?: Probe | undefined
}
