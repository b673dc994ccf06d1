import { randomUUID } from 'node:crypto'
import { randomInteger } from '@payflow/testkit'
import {
  type AccountInput,
  type Executor,
  type Ledger,
  LedgerError,
  type TransferInput,
} from '../../src/index.ts'

/**
 * Many clients on the same few accounts and ids, each doing what comes to its mind. No model can say
 * what each answer must be; what must hold of all of them together can be said.
 */
export interface Storm {
  readonly clients: number
  readonly callsEach: number
}

/** How many calls ended in which way, and what became of the money. */
export interface StormEnd {
  readonly outcomes: ReadonlyMap<string, number>
  /** Σ of the balances of the storm's accounts, credits counted as positive. */
  readonly totalMinor: bigint
}

const IDS = 24
const ACCOUNTS: readonly Pick<AccountInput, 'kind' | 'floorMinor' | 'ceilingMinor' | 'hot'>[] = [
  { kind: 'liability', floorMinor: 0n },
  { kind: 'liability', floorMinor: 0n },
  { kind: 'liability', floorMinor: -100n, ceilingMinor: 500n },
  { kind: 'liability', floorMinor: 0n, hot: 'sharded:4' },
  { kind: 'liability', hot: 'sharded:8' },
  { kind: 'asset', hot: 'sharded:3' },
]

const pick = <T>(list: readonly T[]): T => list[randomInteger(0, list.length - 1)] as T

/** Plays a storm on accounts of its own. */
export async function storm(ledger: Ledger, db: Executor, size: Storm): Promise<StormEnd> {
  const accounts: string[] = []
  for (const account of ACCOUNTS) {
    const id = randomUUID()
    const { outcome } = await ledger.accounts.create(db, { id, currency: 'USD', ...account })
    if (outcome !== 'created') throw new Error(`no account: ${outcome}`)
    accounts.push(id)
  }
  const [source] = accounts.slice(-1) as [string]
  for (const to of accounts.slice(0, -1)) {
    const fund = { id: randomUUID(), debitAccountId: source, creditAccountId: to, currency: 'USD' }
    const { outcome } = await ledger.transfer(db, { ...fund, amountMinor: 300n })
    if (outcome !== 'created') throw new Error(`not funded: ${outcome}`)
  }
  const ids = Array.from({ length: IDS }, () => randomUUID())
  const outcomes = new Map<string, number>()
  const clients = Array.from({ length: size.clients }, async () => {
    for (let call = 0; call < size.callsEach; call += 1) {
      for (const answer of await act(ledger, db, accounts, ids)) {
        outcomes.set(answer, (outcomes.get(answer) ?? 0) + 1)
      }
    }
  })
  await Promise.all(clients)
  let totalMinor = 0n
  for (const account of accounts) {
    const balance = await ledger.balance(db, account)
    if (balance === null) throw new Error('an account is gone')
    totalMinor += balance.postedCreditsMinor - balance.postedDebitsMinor
    const { floorMinor, ceilingMinor, availableMinor, balanceMinor } = balance
    if (floorMinor !== null && availableMinor < floorMinor) throw new Error('below the floor')
    if (ceilingMinor !== null && balanceMinor > ceilingMinor) throw new Error('above the ceiling')
  }
  return { outcomes, totalMinor }
}

/** One call, and how it ended, item by item. */
async function act(
  ledger: Ledger,
  db: Executor,
  accounts: readonly string[],
  ids: readonly string[],
): Promise<string[]> {
  const movement = (id = pick(ids)): TransferInput => {
    const debit = randomInteger(0, accounts.length - 1)
    const credit = (debit + randomInteger(1, accounts.length - 1)) % accounts.length
    return {
      id,
      debitAccountId: accounts[debit] as string,
      creditAccountId: accounts[credit] as string,
      amountMinor: BigInt(randomInteger(1, 120)),
      currency: 'USD',
      onReject: pick(['forget', 'forget', 'record'] as const),
    }
  }
  const several = () => Array.from({ length: randomInteger(1, 6) }, () => movement())
  const amount = () => BigInt(randomInteger(1, 60))
  const holdId = pick(ids)
  const account = accounts[randomInteger(0, 3)] as string
  // Three ids in four are new, or soon there would be nothing left to decide.
  const id = randomInteger(0, 3) === 0 ? pick(ids) : randomUUID()
  const acts: (() => Promise<unknown>)[] = [
    () => ledger.transfer(db, movement(id)),
    () => ledger.transfer(db, movement(id)),
    () => ledger.hold(db, { ...movement(), expiresInMs: pick([null, 1, 5, 60_000]) }),
    () => ledger.hold(db, movement()),
    () => ledger.capture(db, { holdId }),
    () => ledger.capture(db, { id, holdId, amountMinor: amount(), final: pick([true, false]) }),
    () => ledger.release(db, { holdId }),
    () => ledger.reverse(db, { id, transferId: pick(ids), amountMinor: amount() }),
    () => ledger.transferMany(db, several()),
    () => ledger.journal(db, { id: randomUUID(), transfers: several().map(asLeg) }),
    () => ledger.expireHolds(db, { limit: 20 }),
    () => ledger.accounts[pick(['freeze', 'unfreeze', 'unfreeze'] as const)](db, { id: account }),
    () => ledger.accounts.setLimits(db, { id: account, ceilingMinor: pick([null, 400n, 900n]) }),
  ]
  try {
    return namesOf(await pick(acts)())
  } catch (error) {
    // `expireHolds` has no answer for it.
    if (LedgerError.is(error) && error.code === 'LEDGER_BUSY') return [`thrown: ${error.message}`]
    throw error
  }
}

/** A leg of a journal is never remembered by itself. */
const asLeg = (transfer: TransferInput): TransferInput => ({ ...transfer, onReject: 'forget' })

function namesOf(said: unknown): string[] {
  if (Array.isArray(said)) return said.flatMap((each) => namesOf(each))
  const { outcome, reason, cause } = said as Readonly<Record<string, string | undefined>>
  const why = reason ?? cause
  return [why === undefined ? (outcome ?? 'done') : `${outcome}: ${why}`]
}
