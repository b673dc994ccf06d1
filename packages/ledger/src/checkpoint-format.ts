import { createHash, type Hash } from 'node:crypto'
import { LedgerError } from './errors.ts'
import { requireObject } from './require-object.ts'

/** Who vouched for a checkpoint. */
export interface CheckpointSignature {
  readonly keyId: string
  /** Ed25519 over the checkpoint's text, hexadecimal. */
  readonly signature: string
}

/**
 * A block of the journal, sealed. Plain JSON: keep it where the ledger's administrators cannot write
 * (a file, a repository, another company), and hand it to `verifyCheckpoints` as a witness.
 */
export interface Checkpoint {
  /** 1, 2, 3 … without gaps. */
  readonly no: number
  /** Journal rows that this checkpoint and all before it have sealed. */
  readonly transfers: number
  /** SHA-256, hexadecimal, over `previousRoot` and the leaves; see {@link CheckpointLeaf}. */
  readonly root: string
  /** `root` of the checkpoint before; 64 zeros in the first. */
  readonly previousRoot: string
  /** PostgreSQL's clock, microseconds since 1970. */
  readonly createdAtMicros: number
  /**
   * In the order of `keyId`, then of `signature`. A key id may be there more than once: whoever may
   * sign can write any id, and what counts is the signature that the key verifies.
   */
  readonly signatures: readonly CheckpointSignature[]
}

/** A checkpoint that was kept elsewhere, or an error when what is given has not the shape of one. */
export function readCheckpoint(name: string, checkpoint: Checkpoint): Checkpoint {
  const { no, transfers, createdAtMicros, root, previousRoot } = requireObject(name, checkpoint)
  const areNumbers = [no, transfers, createdAtMicros].every(Number.isSafeInteger)
  if (areNumbers && [root, previousRoot].every((hash) => typeof hash === 'string')) {
    return checkpoint
  }
  throw new LedgerError('LEDGER_INVALID_OPTION', `${name} is not what checkpoint() answered`)
}

/** How far the chain of an account (or of one part of a sharded account) has come. */
export interface CheckpointLeaf {
  readonly accountId: string
  /** 0, or the number of the part. */
  readonly shard: number
  /** Place of the newest row, decimal. */
  readonly seq: string
  /** Hash of that row in this chain, hexadecimal. */
  readonly head: string
}

/** Where pages of leaves begin. */
export const FIRST_LEAF: readonly [accountId: string, shard: number] = [
  '00000000-0000-0000-0000-000000000000',
  -1,
]

/** `previousRoot` of the first checkpoint. */
export const GENESIS_ROOT: string = '0'.repeat(64)

/**
 * What is signed: one line of text, the same for ever. The first field is the version of the text
 * and of how roots are made.
 */
export const checkpointText = (c: Omit<Checkpoint, 'signatures'>): string =>
  `payflow-ledger-checkpoint-1|${c.no}|${c.transfers}|${c.root}|${c.previousRoot}|${c.createdAtMicros}`

/** A root in the making: feed it the leaves in the order of (account id, shard). */
export interface RootHash {
  add(leaf: CheckpointLeaf): void
  /** The root, hexadecimal. */
  end(): string
}

/** SHA-256 over the previous root and, for each leaf, uuid ‖ int2 ‖ int8 ‖ head. */
export function rootHash(previousRoot: string): RootHash {
  const hash: Hash = createHash('sha256').update(Buffer.from(previousRoot, 'hex'))
  return {
    add(leaf) {
      const numbers = Buffer.alloc(10)
      numbers.writeInt16BE(leaf.shard, 0)
      numbers.writeBigInt64BE(BigInt(leaf.seq), 2)
      hash.update(Buffer.from(leaf.accountId.replaceAll('-', ''), 'hex'))
      hash.update(numbers).update(Buffer.from(leaf.head, 'hex'))
    },
    end: () => hash.digest('hex'),
  }
}
