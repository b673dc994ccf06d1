import { type Checkpoint, checkpointText } from './checkpoint-format.ts'
import { LedgerError } from './errors.ts'
import type { Executor } from './executor.ts'
import type { Busy, Unknown } from './outcomes.ts'
import { type CheckpointSigner, readSigner } from './signer.ts'
import { call } from './sql/call.ts'
import { read, write } from './statement.ts'
import {
  type CheckpointVerification,
  type VerifyCheckpointsOptions,
  verifierOf,
} from './verify-checkpoints.ts'
import { within } from './within.ts'

const CHECKPOINTS_MAX = 1_000
const SIGNATURE_BYTES = 64

/** Answer of {@link LedgerCheckpoints.checkpoint}. */
export type CheckpointResult =
  | { readonly outcome: 'created'; readonly checkpoint: Checkpoint }
  /** No row since the newest checkpoint, which this is; null: no row ever. */
  | { readonly outcome: 'unchanged'; readonly checkpoint: Checkpoint | null }
  | Busy
  | Unknown

/** Sealing the journal in blocks, so that an outsider can tell when it was changed afterwards. */
export interface LedgerCheckpoints {
  /**
   * Seals every journal row that no checkpoint has sealed yet, and signs the checkpoint once it is
   * committed. No account is locked and no payment waits; two runs at once take turns. Run it every
   * minute or so, and send what it returns to a witness. A run looks at every account once, whether
   * it moved or not: with millions of them it takes seconds, so run it less often.
   *
   * With a signer, the newest checkpoint is signed in every run, also when there was nothing to seal:
   * a key id under it does not show that the key has signed. The same signature again changes
   * nothing. Older checkpoints are left alone: to sign what somebody else wrote needs a look first;
   * see {@link LedgerCheckpoints.signCheckpoint}.
   *
   * @throws {@link LedgerError} `LEDGER_INVALID_OPTION` for a signer that is none, or inside a
   * transaction: what is signed must not be rolled back. What the signer throws is passed on; the checkpoint then stands
   * unsigned.
   */
  checkpoint(
    db: Executor,
    options?: { readonly signer?: CheckpointSigner },
  ): Promise<CheckpointResult>
  /**
   * Adds a signature to a checkpoint: one that a crash left unsigned, or that of one more witness
   * who has verified it. Signs exactly what it is given. Adds nothing when this signature is there.
   *
   * @returns the checkpoint with all its signatures, or null when the ledger does not have it,
   * letter for letter.
   */
  signCheckpoint(
    db: Executor,
    request: { readonly checkpoint: Checkpoint; readonly signer: CheckpointSigner },
  ): Promise<Checkpoint | null>
  /**
   * Checkpoints in order.
   *
   * @param options - `after`: number of the last one already seen, default 0; `limit`: 1–1000,
   * default 100
   */
  checkpoints(
    db: Executor,
    options?: { readonly after?: number; readonly limit?: number },
  ): Promise<readonly Checkpoint[]>
  /**
   * Compares the journal with what was sealed: recomputes every root from its leaves, the chain of
   * roots and the signatures, looks for the row behind every leaf, and for the checkpoints that
   * witnesses kept. Finds what `verify` cannot, because all numbers agree: a tail cut off with all
   * counters repaired, a history rewritten with its hashes, rows lost by a failover.
   *
   * It compares the ends of each block; that the rows between them are chained, `verify` says. Run
   * both. Without witnesses, whoever can delete checkpoints can delete the newest ones unseen;
   * without public keys, whoever can write checkpoints can write other ones.
   *
   * Reads in short statements and takes no lock; on a replica it is as good.
   */
  verifyCheckpoints(
    db: Executor,
    options?: VerifyCheckpointsOptions,
  ): Promise<CheckpointVerification>
}

/** The verbs of {@link LedgerCheckpoints} on a schema. */
export function checkpointsOf(s: string): LedgerCheckpoints {
  const calls = {
    make: call(s, 'make_checkpoint'),
    sign: call(s, 'sign_checkpoint', 'bigint', 'bigint', 'text', 'text', 'bigint', 'text', 'text'),
    list: call(s, 'list_checkpoints', 'bigint', 'integer'),
  }
  async function signed(db: Executor, c: Checkpoint, signer: CheckpointSigner) {
    const { keyId } = readSigner(signer)
    refuseTransaction(db)
    const signature = await signer.sign(Buffer.from(checkpointText(c)))
    if (signature.byteLength !== SIGNATURE_BYTES) {
      const message = `the signer ${keyId} gave ${signature.byteLength} bytes: Ed25519 gives 64`
      throw new LedgerError('LEDGER_INVALID_OPTION', message)
    }
    const what = [c.no, c.transfers, c.root, c.previousRoot, c.createdAtMicros]
    const parameters = [...what, keyId, Buffer.from(signature).toString('hex')]
    return read(db, calls.sign, parameters, (json) => json as Checkpoint | null)
  }
  return {
    async checkpoint(db, { signer } = {}) {
      if (signer !== undefined) {
        readSigner(signer)
        refuseTransaction(db)
      }
      const result = await write(db, 'checkpoint', calls.make, [], (json) => json as Sealed)
      if (signer === undefined || !('checkpoint' in result)) return result
      const { checkpoint } = result
      if (checkpoint === null) return result
      return { ...result, checkpoint: (await signed(db, checkpoint, signer)) ?? checkpoint }
    },
    async signCheckpoint(db, { checkpoint, signer }) {
      return signed(db, checkpoint, signer)
    },
    async checkpoints(db, { after = 0, limit = 100 } = {}) {
      const rows = within('limit', limit, CHECKPOINTS_MAX)
      const from = within('after', after, Number.MAX_SAFE_INTEGER, 0)
      return read(db, calls.list, [from, rows], (json) => json as Checkpoint[])
    },
    verifyCheckpoints: verifierOf(s),
  }
}

type Sealed = Extract<CheckpointResult, { checkpoint: unknown }>

function refuseTransaction(db: Executor): void {
  if (!db.isTransaction) return
  const message = 'sign outside a transaction: what is signed must not be rolled back'
  throw new LedgerError('LEDGER_INVALID_OPTION', message)
}
