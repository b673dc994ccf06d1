import type { HoldRequest, IdName } from './requests.ts'
import {
  isDebitNormal,
  type ModelAccount,
  type ModelHold,
  type Part,
  type Row,
  type State,
} from './state.ts'

type NewRow = Omit<Row, 'debitSeq' | 'creditSeq' | 'debitBalance' | 'creditBalance'>

/** Writes the journal row and moves its amount. */
export function moveMoney(state: State, movement: NewRow): Row {
  const debit = state.accounts.get(movement.debit) as ModelAccount
  const credit = state.accounts.get(movement.credit) as ModelAccount
  const [from, to] = [partFor(debit, movement.id), partFor(credit, movement.id)]
  from.debits += movement.amount
  from.seq += 1n
  to.credits += movement.amount
  to.seq += 1n
  const row = {
    ...movement,
    debitSeq: from.seq,
    creditSeq: to.seq,
    debitBalance: normalBalance(debit, from),
    creditBalance: normalBalance(credit, to),
  }
  state.rows.set(row.id, row)
  return row
}

const normalBalance = (account: ModelAccount, part: Part): bigint =>
  isDebitNormal(account) ? part.debits - part.credits : part.credits - part.debits

/** A sharded account takes the part that the id of the movement says. */
function partFor(account: ModelAccount, id: IdName): Part {
  return account.parts[numberOf(id) % account.parts.length] as Part
}

/** The number in a name, which is also the last byte of the UUID it stands for. */
export const numberOf = (name: IdName): number => Number(name.slice(1))

/** Reserves the money. */
export function newHold(state: State, request: HoldRequest): ModelHold {
  const { verb: _, ...movement } = request
  const hold: ModelHold = { ...movement, state: 'open', captured: 0n }
  state.holds.set(hold.id, hold)
  return hold
}
