import {
  type Checkpoint,
  type CheckpointLeaf,
  checkpointText,
  FIRST_LEAF,
  GENESIS_ROOT,
  readCheckpoint,
  rootHash,
} from './checkpoint-format.ts'
import { LedgerError } from './errors.ts'
import type { Executor } from './executor.ts'
import { type PublicKeys, readPublicKeys, signatureFaults } from './signer.ts'
import { call } from './sql/call.ts'
import { read } from './statement.ts'
import { within } from './within.ts'

const CHECKPOINTS_A_PAGE = 100
const LEAVES_A_PAGE = 5_000
const FINDINGS_MAX = 10_000

/** Options of {@link LedgerCheckpoints.verifyCheckpoints}. */
export interface VerifyCheckpointsOptions {
  /**
   * Keys whose signatures count. Every checkpoint needs one valid signature of one of them; other
   * keys are passed over.
   * @defaultValue signatures are not looked at
   */
  readonly publicKeys?: PublicKeys
  /** Checkpoints that were kept outside the database. Each must be in it, unchanged. */
  readonly witnesses?: readonly Checkpoint[]
  /**
   * Go on after the checkpoint of this number: `next` of an earlier call. What that one verified,
   * this one does not.
   * @defaultValue 0
   */
  readonly after?: number
  /**
   * How many checkpoints to verify in this call.
   * @defaultValue all
   */
  readonly limit?: number
  /**
   * List at most so many findings, 1–10,000.
   * @defaultValue 100
   */
  readonly findingsMax?: number
  /** Ends the call between two statements, with the signal's reason. */
  readonly signal?: AbortSignal
}

/**
 * What {@link LedgerCheckpoints.verifyCheckpoints} can find.
 *
 * - `checkpoint_missing`: its number is skipped, its leaves are left alone, or only a witness has it
 * - `checkpoint_root_mismatch`: its root does not follow from its leaves and the root before, or its
 *   count of rows from its leaves
 * - `checkpoint_unsigned`: none of the public keys has signed it
 * - `checkpoint_signature_invalid`: under the id of one of the public keys there are signatures, and
 *   none of them is that key's for what the checkpoint says
 * - `checkpoint_regression`: the journal is shorter than what was sealed: its tail was cut off, or a
 *   failover lost rows
 * - `checkpoint_rewritten`: the journal has another row in a sealed place, or the ledger another
 *   checkpoint than a witness
 */
export type CheckpointFindingKind =
  | 'checkpoint_missing'
  | 'checkpoint_root_mismatch'
  | 'checkpoint_unsigned'
  | 'checkpoint_signature_invalid'
  | 'checkpoint_regression'
  | 'checkpoint_rewritten'

/** One disagreement between the journal and what was sealed. */
export interface CheckpointFinding {
  readonly finding: CheckpointFindingKind
  readonly checkpointNo: number
  /** The account whose leaf it is; null: it is about the checkpoint as a whole. */
  readonly accountId: string | null
  readonly field: string | null
  /** What was sealed. */
  readonly expected: string | null
  /** What there is. */
  readonly actual: string | null
}

/** Answer of {@link LedgerCheckpoints.verifyCheckpoints}. */
export interface CheckpointVerification {
  readonly clean: boolean
  /** At most `findingsMax` of them. */
  readonly findings: readonly CheckpointFinding[]
  /** How many checkpoints were verified. */
  readonly checkpoints: number
  /** Pass it as `after` to go on; null: that was the newest one. */
  readonly next: number | null
}

interface Leaf extends CheckpointLeaf {
  readonly previousSeq: string
  /** Hash that the journal has at this place, null for none. */
  readonly now: string | null
}

interface Extent {
  readonly no: number
  readonly namedNo: number
  readonly transfers: number
}

type Report = (
  finding: CheckpointFindingKind,
  checkpointNo: number,
  about: Partial<Omit<CheckpointFinding, 'finding' | 'checkpointNo'>>,
) => void

/** `verifyCheckpoints` on a schema. */
export function verifierOf(
  s: string,
): (db: Executor, options?: VerifyCheckpointsOptions) => Promise<CheckpointVerification> {
  const reader = readerOf(s)
  return async (db, options = {}) => {
    const { limit = Number.MAX_SAFE_INTEGER, signal } = options
    const witnesses = readWitnesses(options.witnesses)
    const after = within(
      'after',
      options.after === undefined ? 0 : options.after,
      Number.MAX_SAFE_INTEGER,
      0,
    )
    const findingsMax = within('findingsMax', options.findingsMax ?? 100, FINDINGS_MAX)
    const rest = within('limit', limit, Number.MAX_SAFE_INTEGER)
    const keys = readPublicKeys(options.publicKeys)
    const findings: CheckpointFinding[] = []
    const report: Report = (finding, checkpointNo, about) => {
      const where = { accountId: null, field: null, expected: null, actual: null }
      if (findings.length < findingsMax)
        findings.push({ finding, checkpointNo, ...where, ...about })
    }
    let last: Previous | undefined = GENESIS
    if (after > 0) last = (await reader.list(db, after - 1, 1)).find(({ no }) => no === after)
    let checkpoints = 0
    for (;;) {
      const wanted = Math.min(CHECKPOINTS_A_PAGE, rest - checkpoints)
      const page = await reader.list(db, last?.no ?? after, wanted)
      for (const c of page) {
        signal?.throwIfAborted()
        const previous = c.no === (last?.no ?? after) + 1 ? last : undefined
        comparePrevious(c, previous, (last?.no ?? after) + 1, report)
        await compareLeaves(reader.leaves(db, c.no), c, previous, report)
        if (keys !== undefined) compareSignatures(c, keys, report)
        compareWitnesses(c, witnesses, report)
        last = c
        checkpoints += 1
      }
      if (page.length < wanted) break
      if (checkpoints === rest) return done(findings, checkpoints, last?.no ?? after)
    }
    compareExtent(await reader.extent(db), last?.no ?? after, witnesses, report)
    return done(findings, checkpoints, null)
  }
}

function readWitnesses(witnesses: readonly Checkpoint[] = []): readonly Checkpoint[] {
  if (Array.isArray(witnesses))
    return witnesses.map((witness) => readCheckpoint('witness', witness))
  throw new LedgerError('LEDGER_INVALID_OPTION', 'witnesses must be a list of checkpoints')
}

/** What the comparisons of a checkpoint need of the one before it. */
type Previous = Pick<Checkpoint, 'no' | 'root' | 'transfers'>

const GENESIS: Previous = { no: 0, root: GENESIS_ROOT, transfers: 0 }

interface Reader {
  list(db: Executor, after: number, limit: number): Promise<readonly Checkpoint[]>
  leaves(db: Executor, no: number): AsyncIterable<Leaf>
  extent(db: Executor): Promise<Extent>
}

function readerOf(s: string): Reader {
  const calls = {
    list: call(s, 'list_checkpoints', 'bigint', 'integer'),
    leaves: call(s, 'checkpoint_leaves', 'bigint', 'uuid', 'smallint', 'integer'),
    extent: call(s, 'sealed_extent'),
  }
  return {
    list: (db, after, limit) =>
      read(db, calls.list, [after, limit], (json) => json as Checkpoint[]),
    extent: (db) => read(db, calls.extent, [], (json) => json as Extent),
    async *leaves(db, no) {
      let after: readonly [accountId: string, shard: number] = FIRST_LEAF
      for (;;) {
        const parameters = [no, ...after, LEAVES_A_PAGE]
        const page = await read(db, calls.leaves, parameters, (json) => json as Leaf[])
        yield* page
        const last = page.at(-1)
        if (last === undefined || page.length < LEAVES_A_PAGE) return
        after = [last.accountId, last.shard]
      }
    },
  }
}

async function compareLeaves(
  leaves: AsyncIterable<Leaf>,
  c: Checkpoint,
  previous: Previous | undefined,
  report: Report,
): Promise<void> {
  const root = rootHash(c.previousRoot)
  let places = 0n
  for await (const leaf of leaves) {
    root.add(leaf)
    places += BigInt(leaf.seq) - BigInt(leaf.previousSeq)
    if (leaf.now === leaf.head) continue
    report(leaf.now === null ? 'checkpoint_regression' : 'checkpoint_rewritten', c.no, {
      accountId: leaf.accountId,
      field: `${leaf.shard === 0 ? '' : `part ${leaf.shard} `}#${leaf.seq}`,
      expected: leaf.head,
      actual: leaf.now,
    })
  }
  const actual = root.end()
  if (actual !== c.root) {
    report('checkpoint_root_mismatch', c.no, { field: 'root', expected: c.root, actual })
  }
  // A row takes two places.
  if (previous === undefined || places === 2n * BigInt(c.transfers - previous.transfers)) return
  report('checkpoint_root_mismatch', c.no, {
    field: 'transfers',
    expected: String(c.transfers),
    actual: `${previous.transfers} and ${places} places of two accounts`,
  })
}

const done = (
  findings: readonly CheckpointFinding[],
  checkpoints: number,
  next: number | null,
): CheckpointVerification => ({ clean: findings.length === 0, findings, checkpoints, next })

function comparePrevious(
  c: Checkpoint,
  previous: Previous | undefined,
  expectedNo: number,
  report: Report,
): void {
  if (previous === undefined) {
    const missing = c.no === expectedNo ? expectedNo - 1 : expectedNo
    report('checkpoint_missing', missing, { field: 'no', actual: String(c.no) })
  } else if (c.previousRoot !== previous.root) {
    const about = { expected: previous.root, actual: c.previousRoot }
    report('checkpoint_root_mismatch', c.no, { field: 'previousRoot', ...about })
  }
}

function compareSignatures(
  c: Checkpoint,
  keys: NonNullable<ReturnType<typeof readPublicKeys>>,
  report: Report,
): void {
  for (const { fault, keyId } of signatureFaults(c, keys)) {
    const finding = fault === 'unsigned' ? 'checkpoint_unsigned' : 'checkpoint_signature_invalid'
    report(finding, c.no, { field: 'signatures', actual: keyId })
  }
}

function compareWitnesses(c: Checkpoint, witnesses: readonly Checkpoint[], report: Report): void {
  for (const witness of witnesses) {
    if (witness.no !== c.no || checkpointText(witness) === checkpointText(c)) continue
    const about = { expected: checkpointText(witness), actual: checkpointText(c) }
    report('checkpoint_rewritten', c.no, { field: 'witness', ...about })
  }
}

/** What lies beyond the newest checkpoint: those that only others remember. */
function compareExtent(
  extent: Extent,
  lastNo: number,
  witnesses: readonly Checkpoint[],
  report: Report,
): void {
  if (extent.namedNo > Math.max(extent.no, lastNo)) {
    report('checkpoint_missing', extent.namedNo, { field: 'leaves', actual: String(extent.no) })
  }
  for (const witness of witnesses) {
    if (witness.no > Math.max(extent.no, lastNo)) {
      const expected = checkpointText(witness)
      report('checkpoint_missing', witness.no, { field: 'witness', expected })
    }
    if (witness.transfers <= extent.transfers) continue
    report('checkpoint_regression', witness.no, {
      field: 'transfers',
      expected: String(witness.transfers),
      actual: String(extent.transfers),
    })
  }
}
