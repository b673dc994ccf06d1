import { createHash } from 'node:crypto'
import { ChainSums } from './chain-sum.ts'
import {
  type Checkpoint,
  type CheckpointSignature,
  GENESIS_ROOT,
  readCheckpoint,
  type RootHash,
  rootHash,
} from './checkpoint-format.ts'
import {
  type EndLine,
  type ExportLine,
  type LeafLine,
  readLine,
  type TransferLine,
} from './export-lines.ts'
import { journalPayload } from './journal-payload.ts'
import { type PublicKeys, readPublicKeys, signatureFaults } from './signer.ts'

/** Options of {@link verifyExport}. */
export interface VerifyExportOptions {
  /**
   * Keys whose signatures count: every checkpoint needs a valid one of one of them.
   * @defaultValue signatures are not looked at
   */
  readonly publicKeys?: PublicKeys
  /**
   * The checkpoint after which the export begins: `last` of the verification before, or a
   * witness's.
   * @defaultValue none: the export begins with the first
   */
  readonly previous?: Checkpoint
}

/**
 * What {@link verifyExport} can find.
 *
 * - `line_invalid`: not what an export writes, byte for byte
 * - `line_misplaced`: a line of another order, twice, or of an account that has no leaf
 * - `export_truncated`: it ends inside a block
 * - `count_mismatch`: a block has more or fewer lines than it says, or than its checkpoint says
 * - `checkpoint_missing`: the numbers of checkpoints have a gap, or the export another beginning
 * - `checkpoint_root_mismatch`, `checkpoint_unsigned`, `checkpoint_signature_invalid`: as in
 *   `verifyCheckpoints`
 * - `hash_mismatch`: a hash is not that of its row's fields
 * - `chain_broken`: the rows of an account do not lead from its previous leaf to this one
 * - `balance_mismatch`: the balances of an account's rows do not follow from their amounts
 * - `currency_mismatch`: a row in another currency than its account
 * - `currency_unbalanced`: balances of a currency do not add up to zero
 */
export type ExportFindingKind =
  | 'line_invalid'
  | 'line_misplaced'
  | 'export_truncated'
  | 'count_mismatch'
  | 'checkpoint_missing'
  | 'checkpoint_root_mismatch'
  | 'checkpoint_unsigned'
  | 'checkpoint_signature_invalid'
  | 'hash_mismatch'
  | 'chain_broken'
  | 'balance_mismatch'
  | 'currency_mismatch'
  | 'currency_unbalanced'

/** The first fault of its kind. */
export interface ExportFinding {
  readonly finding: ExportFindingKind
  /** Number of the line at which it showed, from 1. */
  readonly line: number
  /** The checkpoint whose block it is in; null before the first. */
  readonly checkpointNo: number | null
  /** The transfer, account, currency or key that it is about. */
  readonly subject: string | null
  readonly field: string | null
  readonly expected: string | null
  readonly actual: string | null
}

/** Answer of {@link verifyExport}. */
export interface ExportVerification {
  readonly clean: boolean
  /** The first of each kind. */
  readonly findings: readonly ExportFinding[]
  readonly checkpoints: number
  readonly transfers: number
  /** The newest checkpoint of the export, with its signatures: compare it with a witness's. */
  readonly last: Checkpoint | null
}

/**
 * Verifies an export without database: recomputes each hash from the fields of its line, each
 * account's chain, each root and signature; balances follow from amounts and add up to zero in each
 * currency. Trusts nothing but `options`.
 *
 * `clean` does not show that the newest blocks are there: an export that was cut between two blocks is
 * clean, and so is an empty one, with `checkpoints: 0`. Compare `last` with the checkpoint that you
 * expect.
 *
 * One pass; memory grows with the number of accounts, not with that of rows.
 *
 * @param lines - with or without their newlines; empty ones are passed over
 *
 * @throws {@link LedgerError} with code `LEDGER_INVALID_OPTION` for a `previous` that is no
 * checkpoint, or public keys that are none.
 */
export async function verifyExport(
  lines: AsyncIterable<string> | Iterable<string>,
  options: VerifyExportOptions = {},
): Promise<ExportVerification> {
  const verifier = new ExportVerifier(options)
  for await (const line of lines) verifier.read(line)
  return verifier.end()
}

/** An account's chain within a block. */
interface Stretch {
  readonly leaf: LeafLine
  readonly from: bigint
  readonly to: bigint
  /** 1 where debits make the balance grow, −1 where credits do. */
  readonly sign: bigint
  rows: bigint
  hashes: bigint
  balances: bigint
  /** Balances before the first row and after the last, once these have been read. */
  balanceBefore: bigint | null
  balanceAfter: bigint | null
}

/** How far an account's chain has come. */
interface Chain {
  readonly seq: string
  readonly head: string
  readonly balance: bigint | null
}

interface Block {
  checkpoint: Checkpoint
  readonly root: RootHash
  readonly stretches: Map<string, Stretch>
  lastLeaf: string
  lastPlace: string
  transfers: number
}

type About = Partial<Pick<ExportFinding, 'subject' | 'field' | 'expected' | 'actual'>>

const keyOf = (accountId: string, shard: number): string =>
  `${accountId}/${String(shard).padStart(2, '0')}`

// No character of a key id sorts before the space.
const placeOf = ({ keyId, signature }: CheckpointSignature): string => `${keyId} ${signature}`

class ExportVerifier {
  readonly #keys: ReturnType<typeof readPublicKeys>
  readonly #sums = new ChainSums()
  readonly #findings = new Map<ExportFindingKind, ExportFinding>()
  readonly #chains = new Map<string, Chain>()
  /** Debits less credits of each currency. */
  readonly #unbalanced = new Map<string, bigint>()
  #isFromTheFirst: boolean
  #last: Checkpoint | null
  #block: Block | null = null
  #line = 0
  #checkpoints = 0
  #transfers = 0

  constructor(options: VerifyExportOptions) {
    this.#keys = readPublicKeys(options.publicKeys)
    const { previous } = options
    this.#last = previous === undefined ? null : readCheckpoint('previous', previous)
    this.#isFromTheFirst = previous === undefined
  }

  read(text: string): void {
    this.#line += 1
    const bare = text.replace(/\r?\n$/, '')
    if (bare === '') return
    const line = readLine(bare)
    if (line === null) this.#report('line_invalid', { actual: bare.slice(0, 100) })
    else if (!this.#take(line)) this.#report('line_misplaced', { subject: line.type })
  }

  end(): ExportVerification {
    if (this.#block !== null) this.#report('export_truncated', {})
    const findings = [...this.#findings.values()]
    const counts = { checkpoints: this.#checkpoints, transfers: this.#transfers }
    return { clean: findings.length === 0, findings, ...counts, last: this.#last }
  }

  #report(finding: ExportFindingKind, about: About): void {
    if (this.#findings.has(finding)) return
    const checkpointNo = this.#block?.checkpoint.no ?? this.#last?.no ?? null
    const empty = { subject: null, field: null, expected: null, actual: null }
    this.#findings.set(finding, { finding, line: this.#line, checkpointNo, ...empty, ...about })
  }

  /** False when the line may not stand here. */
  #take(line: ExportLine): boolean {
    if (line.type === 'checkpoint') {
      if (this.#block !== null) return false
      const { no, transfers, root, previousRoot, createdAtMicros } = line
      this.#begin({ no, transfers, root, previousRoot, createdAtMicros, signatures: [] })
      return true
    }
    const block = this.#block
    if (block === null) return false
    if (line.type === 'transfer') return this.#transfer(block, line)
    if (line.type === 'end') return this.#end(block, line)
    if (block.transfers > 0) return false
    if (line.type === 'leaf') return this.#leaf(block, line)
    const { keyId, signature } = line
    const before = block.checkpoint.signatures.at(-1)
    const follows = before === undefined || placeOf(line) > placeOf(before)
    if (block.lastLeaf !== '' || !follows) return false
    const signatures = [...block.checkpoint.signatures, { keyId, signature }]
    block.checkpoint = { ...block.checkpoint, signatures }
    return true
  }

  #begin(checkpoint: Checkpoint): void {
    const root = rootHash(checkpoint.previousRoot)
    const place = { lastLeaf: '', lastPlace: '', transfers: 0 }
    this.#block = { checkpoint, root, stretches: new Map(), ...place }
    const expected = (this.#last?.no ?? 0) + 1
    if (checkpoint.no !== expected) {
      const about = { expected: String(expected), actual: String(checkpoint.no) }
      this.#report('checkpoint_missing', { field: 'no', ...about })
      this.#chains.clear()
      this.#isFromTheFirst = false
    } else if (checkpoint.previousRoot !== (this.#last?.root ?? GENESIS_ROOT)) {
      const about = { expected: this.#last?.root ?? GENESIS_ROOT, actual: checkpoint.previousRoot }
      this.#report('checkpoint_root_mismatch', { field: 'previousRoot', ...about })
    }
  }

  #leaf(block: Block, leaf: LeafLine): boolean {
    const key = keyOf(leaf.accountId, leaf.shard)
    if (key <= block.lastLeaf) return false
    block.lastLeaf = key
    block.root.add(leaf)
    const [from, to] = [BigInt(leaf.previousSeq), BigInt(leaf.seq)]
    // Of an account seen for the first time after `previous`, the root of this block vouches for the
    // hash before its first row as well: that row's own hash covers it.
    const known = this.#chains.get(key)
    const before = known ?? (this.#isFromTheFirst || from === 0n ? NO_CHAIN : null)
    if (
      to <= from ||
      (before !== null && (before.seq !== leaf.previousSeq || before.head !== leaf.previousHead))
    ) {
      const expected = before === null ? null : `#${before.seq} ${before.head}`
      const actual = `#${leaf.previousSeq} ${leaf.previousHead}`
      this.#report('chain_broken', { subject: leaf.accountId, field: 'previous', expected, actual })
      this.#chains.delete(key)
    }
    const sign = leaf.kind === 'asset' || leaf.kind === 'expense' ? 1n : -1n
    const balances = { balanceBefore: null, balanceAfter: null }
    const sums = { rows: 0n, hashes: 0n, balances: 0n }
    block.stretches.set(key, { leaf, from, to, sign, ...sums, ...balances })
    return true
  }

  #transfer(block: Block, row: TransferLine): boolean {
    const place = `${keyOf(row.debitAccountId, row.debitShard)} ${row.debitSeq.padStart(19, '0')}`
    if (place <= block.lastPlace) return false
    block.lastPlace = place
    block.transfers += 1
    this.#transfers += 1
    const payload = journalPayload(row)
    const debit = this.#side(block, row, payload, 'debit')
    const credit = this.#side(block, row, payload, 'credit')
    return debit && credit
  }

  #side(block: Block, row: TransferLine, payload: Buffer, side: 'debit' | 'credit'): boolean {
    const before = row[`${side}PreviousHash`]
    const hash = row[`${side}Hash`]
    const actual = createHash('sha256')
      .update(Buffer.from(before, 'hex'))
      .update(payload)
      .digest('hex')
    if (actual !== hash) {
      const about = { expected: actual, actual: hash }
      this.#report('hash_mismatch', { subject: row.id, field: `${side}Hash`, ...about })
    }
    const stretch = block.stretches.get(keyOf(row[`${side}AccountId`], row[`${side}Shard`]))
    const place = BigInt(row[`${side}Seq`])
    if (stretch === undefined || place <= stretch.from || place > stretch.to) return false
    const { currency } = stretch.leaf
    if (row.currency !== currency) {
      const about = { expected: currency, actual: row.currency }
      this.#report('currency_mismatch', { subject: row.id, field: `${side}AccountId`, ...about })
    }
    const amount = BigInt(row.amountMinor) * (side === 'debit' ? 1n : -1n)
    const after = BigInt(row[`${side}BalanceMinor`])
    const balance = after - amount * stretch.sign
    stretch.rows += 1n
    stretch.hashes += this.#sums.step(place, before, hash)
    stretch.balances += this.#sums.step(place, balance, after)
    if (place === stretch.from + 1n) stretch.balanceBefore = balance
    if (place === stretch.to) stretch.balanceAfter = after
    return true
  }

  #end(block: Block, line: EndLine): boolean {
    const { checkpoint, stretches } = block
    if (line.no !== checkpoint.no) return false
    for (const [key, stretch] of stretches) this.#close(key, stretch)
    const expected = block.root.end()
    if (checkpoint.root !== expected) {
      const about = { field: 'root', expected, actual: checkpoint.root }
      this.#report('checkpoint_root_mismatch', about)
    }
    const before = this.#last ?? { no: 0, transfers: 0 }
    const follows = before.no + 1 === checkpoint.no
    const counts: readonly (readonly [field: string, expected: number, actual: number])[] = [
      ['leaves', line.leaves, stretches.size],
      ['transfers', line.transfers, block.transfers],
      ...(follows
        ? [['checkpoint', checkpoint.transfers, before.transfers + block.transfers] as const]
        : []),
    ]
    for (const [field, said, counted] of counts) {
      if (said === counted) continue
      const about = { field, expected: String(said), actual: String(counted) }
      this.#report('count_mismatch', about)
    }
    const isWhole = !this.#findings.has('chain_broken') && !this.#findings.has('line_misplaced')
    for (const [currency, difference] of this.#unbalanced) {
      if (difference === 0n || !isWhole) continue
      const about = { field: 'balance', expected: '0', actual: String(difference) }
      this.#report('currency_unbalanced', { subject: currency, ...about })
    }
    if (this.#keys !== undefined) this.#signatures(checkpoint, this.#keys)
    this.#block = null
    this.#last = checkpoint
    this.#checkpoints += 1
    return true
  }

  #close(key: string, stretch: Stretch): void {
    const { leaf, from, to, balanceBefore, balanceAfter } = stretch
    const subject = leaf.accountId
    const known = from === 0n ? 0n : (this.#chains.get(key)?.balance ?? balanceBefore)
    this.#chains.set(key, { seq: leaf.seq, head: leaf.head, balance: balanceAfter })
    const isChain = stretch.hashes === this.#sums.whole(from, leaf.previousHead, to, leaf.head)
    if (!isChain || stretch.rows !== to - from) {
      const about = { expected: `${to - from} rows`, actual: `${stretch.rows} rows` }
      this.#report('chain_broken', { subject, field: `#${leaf.previousSeq}–${leaf.seq}`, ...about })
      return
    }
    const [first, last] = [balanceBefore as bigint, balanceAfter as bigint]
    if (known !== first || stretch.balances !== this.#sums.whole(from, first, to, last)) {
      const about = { expected: String(known), actual: String(first) }
      this.#report('balance_mismatch', { subject, field: `#${leaf.previousSeq}`, ...about })
    }
    const others = this.#unbalanced.get(leaf.currency) ?? 0n
    this.#unbalanced.set(leaf.currency, others + (last - first) * stretch.sign)
  }

  #signatures(checkpoint: Checkpoint, keys: NonNullable<ReturnType<typeof readPublicKeys>>): void {
    for (const { fault, keyId } of signatureFaults(checkpoint, keys)) {
      const unsigned = fault === 'unsigned'
      const finding = unsigned ? 'checkpoint_unsigned' : 'checkpoint_signature_invalid'
      this.#report(finding, { subject: keyId, field: 'signatures' })
    }
  }
}

const NO_CHAIN: Chain = { seq: '0', head: '', balance: 0n }
