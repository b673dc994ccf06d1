/**
 * A journal row as an export has it: everything that its hashes cover, and the hashes. What is 64
 * bits in PostgreSQL is decimal text; `metadata` is the text that PostgreSQL gives of its `jsonb`,
 * because that is what was hashed.
 */
export interface JournalLine {
  readonly id: string
  readonly kind: string
  readonly debitAccountId: string
  readonly debitShard: number
  readonly debitSeq: string
  readonly debitBalanceMinor: string
  readonly creditAccountId: string
  readonly creditShard: number
  readonly creditSeq: string
  readonly creditBalanceMinor: string
  readonly amountMinor: string
  readonly currency: string
  readonly holdId: string | null
  readonly captureFinal: boolean | null
  readonly remainder: boolean | null
  readonly reversesId: string | null
  readonly journalId: string | null
  readonly leg: number | null
  /** Microseconds since 1970. */
  readonly createdAtMicros: string
  /** Null: it counts from when it was recorded. */
  readonly effectiveAtMicros: string | null
  readonly code: string | null
  readonly metadata: string | null
  /** Hash of the row before this one in the debit account's chain; empty before the first. */
  readonly debitPreviousHash: string
  /** SHA-256 over `debitPreviousHash` and the payload, hexadecimal. */
  readonly debitHash: string
  readonly creditPreviousHash: string
  readonly creditHash: string
}

/** The bytes that both hashes of a row cover. The same as `payloadOf` in `sql/payload.ts`. */
export const journalPayload = (t: JournalLine): Buffer =>
  Buffer.from(
    [
      ['payflow-ledger-1', t.id, t.kind],
      [t.debitAccountId, t.debitShard, t.debitSeq, t.debitBalanceMinor],
      [t.creditAccountId, t.creditShard, t.creditSeq, t.creditBalanceMinor],
      [t.amountMinor, t.currency, t.holdId, t.captureFinal, t.remainder, t.reversesId],
      [t.journalId, t.leg, t.createdAtMicros, t.effectiveAtMicros, t.code, t.metadata],
    ]
      .flat()
      .map((field) => field ?? '')
      .join('|'),
  )
