import { type Checkpoint, FIRST_LEAF } from './checkpoint-format.ts'
import type { Executor } from './executor.ts'
import type {
  CheckpointLine,
  EndLine,
  ExportLine,
  LeafLine,
  SignatureLine,
  TransferLine,
} from './export-lines.ts'
import { call } from './sql/call.ts'
import { read } from './statement.ts'
import { within } from './within.ts'

const CHECKPOINTS_A_PAGE = 100
const LEAVES_A_PAGE = 1_000
const TRANSFERS_A_PAGE = 500

/** Options of {@link LedgerExports.exportNdjson}. */
export interface ExportOptions {
  /**
   * Begin after the checkpoint of this number, which is `last.no` of what was verified before.
   * @defaultValue 0: from the beginning
   */
  readonly after?: number
  /** Ends the export between two pages, with the signal's reason. */
  readonly signal?: AbortSignal
}

/** Handing the journal to somebody who need not trust the database. */
export interface LedgerExports {
  /**
   * The sealed journal as lines of JSON, without newlines: write `line + '\n'`. For each checkpoint
   * that exists when it begins: the checkpoint, its signatures, its leaves, its journal rows with
   * all that their hashes cover, and an end line. `verifyExport` checks all of it without database.
   *
   * Complete and without gaps, since a block never changes; the same block gives the same bytes for
   * ever, but for signatures that are added later. Rows after the newest checkpoint are not in it:
   * make one first. Holds, tombstones and recorded rejections move no money and are not sealed.
   *
   * Reads page by page in short statements, on a replica if you like; nobody waits for it, and it
   * keeps one page in memory. Broken off, it goes on after the last end line.
   *
   * @throws {@link LedgerError} while iterating, as reads do; `LEDGER_INVALID_OPTION` for an `after`
   * that is no whole number from 0 on.
   */
  exportNdjson(db: Executor, options?: ExportOptions): AsyncIterable<string>
}

type Leaf = Omit<LeafLine, 'type'>
type Cursor = readonly [accountId: string, shard: number, seq: string]

interface TransferPage {
  readonly transfers: readonly Omit<TransferLine, 'type'>[]
  readonly next: Cursor | null
}

/** The verbs of {@link LedgerExports} on a schema. */
export function exportsOf(s: string): LedgerExports {
  const blocks = blocksOf(s)
  return {
    async *exportNdjson(db, { after = 0, signal } = {}) {
      const from = within('after', after, Number.MAX_SAFE_INTEGER, 0)
      for await (const line of blocks(db, from, signal)) yield JSON.stringify(line)
    },
  }
}

function blocksOf(s: string) {
  const calls = {
    extent: call(s, 'sealed_extent'),
    list: call(s, 'list_checkpoints', 'bigint', 'integer'),
    leaves: call(s, 'sealed_leaves', 'bigint', 'uuid', 'smallint', 'integer'),
    transfers: call(s, 'sealed_transfers', 'bigint', 'uuid', 'smallint', 'bigint', 'integer'),
  }

  async function* leavesOf(db: Executor, no: number): AsyncGenerator<readonly LeafLine[]> {
    let after = FIRST_LEAF
    for (;;) {
      const parameters = [no, ...after, LEAVES_A_PAGE]
      const page = await read(db, calls.leaves, parameters, (json) => json as Leaf[])
      yield page.map((leaf) => ({ type: 'leaf', ...leaf }))
      const last = page.at(-1)
      if (last === undefined || page.length < LEAVES_A_PAGE) return
      after = [last.accountId, last.shard]
    }
  }

  async function* transfersOf(db: Executor, no: number): AsyncGenerator<readonly TransferLine[]> {
    let next: Cursor | null = [...FIRST_LEAF, '0']
    while (next !== null) {
      const parameters: unknown[] = [no, ...next, TRANSFERS_A_PAGE]
      const page = await read(db, calls.transfers, parameters, (json) => json as TransferPage)
      yield page.transfers.map((row) => ({ type: 'transfer', ...row }))
      next = page.next
    }
  }

  async function* blockOf(
    db: Executor,
    checkpoint: Checkpoint,
  ): AsyncGenerator<readonly ExportLine[]> {
    const { signatures, ...sealed } = checkpoint
    const counts = { leaves: 0, transfers: 0 }
    const format = 'payflow-ledger-export-1'
    yield [
      { type: 'checkpoint', format, ...sealed } satisfies CheckpointLine,
      ...signatures.map((signature): SignatureLine => ({ type: 'signature', ...signature })),
    ]
    for await (const page of leavesOf(db, checkpoint.no)) {
      counts.leaves += page.length
      yield page
    }
    for await (const page of transfersOf(db, checkpoint.no)) {
      counts.transfers += page.length
      yield page
    }
    yield [{ type: 'end', no: checkpoint.no, ...counts } satisfies EndLine]
  }

  return async function* (db: Executor, after: number, signal: AbortSignal | undefined) {
    const { no } = await read(db, calls.extent, [], (json) => json as { no: number })
    for (let at = after; at < no;) {
      const page = await read(
        db,
        calls.list,
        [at, CHECKPOINTS_A_PAGE],
        (json) => json as Checkpoint[],
      )
      for (const checkpoint of page.filter((sealed) => sealed.no <= no)) {
        for await (const lines of blockOf(db, checkpoint)) {
          signal?.throwIfAborted()
          yield* lines
        }
      }
      at = page.at(-1)?.no ?? no
    }
  }
}
