import { LedgerError } from './errors.ts'
import type { Executor } from './executor.ts'
import { call } from './sql/call.ts'
import { read } from './statement.ts'
import { within } from './within.ts'

const BATCH_ROWS = 2_000
const BATCH_ROWS_MAX = 100_000
const FINDINGS = 100
const FINDINGS_MAX = 10_000

/**
 * What {@link LedgerAudit.verify} can find.
 *
 * - `account_missing`: a transfer or hold names an account, or a part of one, that is not there.
 * - `currency_mismatch`: a journal row and its account have different currencies.
 * - `sequence_gap`: rows of an account are missing or surplus; `expected` is the next place.
 * - `running_balance_mismatch`: the balance that a row left does not follow from the row before it.
 * - `chain_broken`: a row is not what was written, or not where it was: its hash does not follow
 *   from the row and the hash before it.
 * - `chain_head_mismatch`: an account does not end with its newest row.
 * - `recorded_time_backwards`: a row is older than the one before it.
 * - `balance_mismatch`: a posted counter is not the sum of the journal.
 * - `hold_leak`: a pending counter is not the sum of the open holds.
 * - `hold_capture_mismatch`: a hold and its captures disagree.
 * - `hold_missing`: a capture or a tombstone without its hold, or the other way round.
 * - `reversal_mismatch`: a reversal without its original, not its mirror, not counted, or beyond it.
 * - `journal_mismatch`: legs of a journal are missing, or a leg has no journal.
 * - `account_state_mismatch`: limits, blocks or closing are not those last decided.
 * - `part_mismatch`: parts of a sharded account are missing, surplus, or unlike their account.
 * - `sealed_period_breached`: recorded into a period after it was sealed, or the seal was moved.
 * - `currency_unbalanced`: debits and credits of a currency differ over all accounts.
 * - `guard_missing`: a trigger, constraint or unique index is absent, changed or switched off.
 */
export type FindingKind =
  | 'account_missing'
  | 'currency_mismatch'
  | 'sequence_gap'
  | 'running_balance_mismatch'
  | 'chain_broken'
  | 'chain_head_mismatch'
  | 'recorded_time_backwards'
  | 'balance_mismatch'
  | 'hold_leak'
  | 'hold_capture_mismatch'
  | 'hold_missing'
  | 'reversal_mismatch'
  | 'journal_mismatch'
  | 'account_state_mismatch'
  | 'part_mismatch'
  | 'sealed_period_breached'
  | 'currency_unbalanced'
  | 'guard_missing'

/** One corruption, named. */
export interface Finding {
  readonly finding: FindingKind
  /** Id of the account, transfer, hold or journal that is wrong; a currency; the name of a guard. */
  readonly subject: string
  /** Column of it, with the number of the part where a sharded account is meant. */
  readonly field: string
  /** What the rest of the ledger says it must be. */
  readonly expected: string | null
  /** What is stored; null: nothing is. */
  readonly actual: string | null
}

/** How far a verification has come. */
export interface VerifiedSoFar {
  readonly accounts: bigint
  readonly transfers: bigint
  readonly holds: bigint
}

/** Options of {@link LedgerAudit.verify}. */
export interface VerifyOptions {
  /** `resume` of an earlier answer: goes on where that one stopped. */
  readonly resume?: string | null
  /**
   * Stops after the batch in which this much time has passed, milliseconds, 1 … 86,400,000.
   * @defaultValue none: goes on to the end
   */
  readonly budgetMs?: number
  /**
   * About how many journal rows one statement reads, 10 … 100,000. It decides how long a snapshot is
   * held (2,000 rows: about 50 ms) and how much memory a statement takes; more is hardly faster.
   * @defaultValue 2,000
   */
  readonly batchRows?: number
  /**
   * How many findings are listed, 1 … 10,000. All are counted, and the search goes on.
   * @defaultValue 100
   */
  readonly findingsMax?: number
  /** Stops after the batch under way; the answer then is not `complete`. Nothing is thrown. */
  readonly signal?: AbortSignal
  /** Called after each batch, and waited for. */
  readonly onProgress?: (progress: VerifyProgress) => void | Promise<void>
}

/** What {@link VerifyOptions.onProgress} is told. */
export interface VerifyProgress {
  readonly checked: VerifiedSoFar
  /** Number of findings so far. */
  readonly found: number
  /** Where another process could go on; null after the last batch. */
  readonly resume: string | null
}

/** Answer of {@link LedgerAudit.verify}. */
export interface Verification {
  /** Nothing has been found: in this run, nor in those that it resumed. */
  readonly clean: boolean
  /** Everything has been looked at. */
  readonly complete: boolean
  /** The first `findingsMax` findings of this run. */
  readonly findings: readonly Finding[]
  /** Number of findings of this run and those that it resumed, listed or not. */
  readonly found: number
  /** Pass it as `resume` to go on; null: complete. */
  readonly resume: string | null
  /** What has been looked at so far, in this run and those that it resumed. */
  readonly checked: VerifiedSoFar
}

const STAGES = ['accounts', 'transfers', 'holds', 'reversals', 'journals', 'whole'] as const

interface Position {
  readonly stage: number
  /** Of the stage's own, as its function made it. */
  readonly cursor: unknown
  readonly found: number
  readonly accounts: string
  readonly transfers: string
  readonly holds: string
}

interface Batch {
  readonly findings: readonly Finding[]
  readonly found: string
  readonly next?: unknown
  readonly accounts?: string
  readonly transfers?: string
  readonly holds?: string
}

const START: Position = {
  stage: 0,
  cursor: null,
  found: 0,
  accounts: '0',
  transfers: '0',
  holds: '0',
}

/** `verify` on a schema. */
export function verifierOf(
  s: string,
): (db: Executor, options?: VerifyOptions) => Promise<Verification> {
  const statements = STAGES.map((stage) =>
    call(s, `verify_${stage}`, 'jsonb', 'integer', 'integer'),
  )
  return async (db, options = {}) => verifyLedger(db, statements, options)
}

/** Runs batches from a position until the end, the budget or the signal. */
async function verifyLedger(
  db: Executor,
  statements: readonly string[],
  options: VerifyOptions,
): Promise<Verification> {
  const rows = within('batchRows', options.batchRows ?? BATCH_ROWS, BATCH_ROWS_MAX)
  const findingsMax = within('findingsMax', options.findingsMax ?? FINDINGS, FINDINGS_MAX)
  const { signal, onProgress } = options
  const budgetMs = within('budgetMs', options.budgetMs ?? 86_400_000, 86_400_000)
  const deadline = options.budgetMs === undefined ? Infinity : performance.now() + budgetMs
  let position = options.resume == null ? START : readPosition(options.resume)
  const findings: Finding[] = []
  while (!isEnd(position) && signal?.aborted !== true) {
    const cursor = position.cursor === null ? null : JSON.stringify(position.cursor)
    const parameters = [cursor, rows, findingsMax]
    const statement = statements[position.stage] as string
    const batch = await read(db, statement, parameters, (json) => json as Batch)
    findings.push(...batch.findings.slice(0, findingsMax - findings.length))
    position = after(position, batch)
    await onProgress?.(progressOf(position))
    if (performance.now() >= deadline) break
  }
  const { checked, found, resume } = progressOf(position)
  return { clean: found === 0, complete: resume === null, findings, found, resume, checked }
}

function after(position: Position, batch: Batch): Position {
  const cursor = batch.next ?? null
  const add = (count: string, more = '0') => String(BigInt(count) + BigInt(more))
  return {
    stage: cursor === null ? position.stage + 1 : position.stage,
    cursor,
    found: position.found + Number(batch.found),
    accounts: add(position.accounts, batch.accounts),
    transfers: add(position.transfers, batch.transfers),
    holds: add(position.holds, batch.holds),
  }
}

function progressOf(position: Position): VerifyProgress {
  return {
    checked: {
      accounts: BigInt(position.accounts),
      transfers: BigInt(position.transfers),
      holds: BigInt(position.holds),
    },
    found: position.found,
    resume: isEnd(position)
      ? null
      : Buffer.from(JSON.stringify(position), 'utf8').toString('base64url'),
  }
}

const isEnd = (position: Position): boolean => position.stage >= STAGES.length

function readPosition(resume: string): Position {
  try {
    const position = JSON.parse(Buffer.from(resume, 'base64url').toString('utf8')) as Position
    if (Number.isSafeInteger(position.stage) && position.stage in STAGES) return position
  } catch {
    // said below
  }
  throw new LedgerError('LEDGER_INVALID_OPTION', 'resume must be the text that verify answered')
}
