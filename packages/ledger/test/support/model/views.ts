import {
  availableOf,
  balanceOf,
  creditsOf,
  debitsOf,
  isDebitNormal,
  type ModelAccount,
  type ModelHold,
  type ModelJournal,
  type ModelRejection,
  pendingOf,
  remainingOf,
  type Row,
  type State,
} from './state.ts'

/*
 * The model's things as the API shows them, with names for UUIDs and without times. `null` stands
 * for a number that other worlds change as well.
 */

export type View = Readonly<Record<string, unknown>>

export function transferView(state: State, row: Row): View {
  const isShared = (name: string) => state.accounts.get(name)?.shared === true
  const own = <T>(account: string, value: T) => (isShared(account) ? null : value)
  return {
    kind: row.kind,
    id: row.id,
    debitAccountId: row.debit,
    creditAccountId: row.credit,
    amountMinor: row.amount,
    currency: row.currency,
    code: row.code,
    metadata: row.metadata,
    holdId: row.hold,
    reversesId: row.reverses,
    journalId: row.journal,
    leg: row.leg,
    debitShard: row.debitShard,
    creditShard: row.creditShard,
    debitSeq: own(row.debit, row.debitSeq),
    creditSeq: own(row.credit, row.creditSeq),
    debitBalanceMinor: own(row.debit, row.debitBalance),
    creditBalanceMinor: own(row.credit, row.creditBalance),
    effectiveAt: row.effectiveAt,
  }
}

export const EXPIRES_IN_MS = { never: null, soon: 1, in_an_hour: 3_600_000 } as const

export const holdView = (hold: ModelHold): View => ({
  kind: 'hold',
  id: hold.id,
  state: hold.state,
  debitAccountId: hold.debit,
  creditAccountId: hold.credit,
  amountMinor: hold.amount,
  capturedMinor: hold.captured,
  remainingMinor: remainingOf(hold),
  currency: hold.currency,
  code: hold.code,
  metadata: hold.metadata,
  expiresInMs: EXPIRES_IN_MS[hold.expires],
})

export const accountView = (account: ModelAccount): View => ({
  id: account.name,
  currency: account.currency,
  kind: account.kind,
  normalSide: isDebitNormal(account) ? 'debit' : 'credit',
  floorMinor: account.floor,
  ceilingMinor: account.ceiling,
  hot: account.shards === 0 ? 'exact' : `sharded:${account.shards}`,
  frozen: { debits: account.debitsFrozen, credits: account.creditsFrozen },
  ...(account.closed ? {} : { closedAt: null }),
  metadata: account.metadata,
})

export const journalView = (state: State, journal: ModelJournal): View => ({
  kind: 'journal',
  id: journal.id,
  code: journal.code,
  metadata: journal.metadata,
  effectiveAt: journal.effectiveAt,
  transfers: journal.legs.map((id) => transferView(state, state.rows.get(id) as Row)),
})

export const rejectionView = ({ request, reason }: ModelRejection): View => ({
  kind: 'rejection',
  id: request.id,
  verb: request.verb,
  debitAccountId: request.debit,
  creditAccountId: request.credit,
  amountMinor: request.amount,
  currency: request.currency,
  code: request.code,
  metadata: request.metadata,
  effectiveAt: request.verb === 'transfer' ? request.effectiveAt : null,
  expiresInMs: request.verb === 'hold' ? EXPIRES_IN_MS[request.expires] : null,
  reason,
})

export const balanceView = (state: State, account: ModelAccount): View => ({
  accountId: account.name,
  currency: account.currency,
  kind: account.kind,
  floorMinor: account.floor,
  ceilingMinor: account.ceiling,
  ...(account.shared
    ? {}
    : {
        postedDebitsMinor: debitsOf(account),
        postedCreditsMinor: creditsOf(account),
        pendingDebitsMinor: pendingOf(state, 'debit', account.name),
        pendingCreditsMinor: pendingOf(state, 'credit', account.name),
        balanceMinor: balanceOf(account),
        availableMinor: availableOf(state, account),
      }),
})

/** The rows of an exact account as its statement, oldest first. */
export function entryViews(state: State, name: string): View[] {
  const entries = []
  for (const row of state.rows.values()) {
    if (row.debit !== name && row.credit !== name) continue
    const isDebit = row.debit === name
    entries.push({
      seq: isDebit ? row.debitSeq : row.creditSeq,
      side: isDebit ? 'debit' : 'credit',
      amountMinor: row.amount,
      balanceMinor: isDebit ? row.debitBalance : row.creditBalance,
      counterpartAccountId: isDebit ? row.credit : row.debit,
      transferId: row.id,
      kind: row.kind,
      holdId: row.hold,
      reversesId: row.reverses,
      journalId: row.journal,
      currency: row.currency,
      code: row.code,
      metadata: row.metadata,
      effectiveAt: row.effectiveAt,
    })
  }
  return entries
}
