/** A transfer to make, before any design has given it an id: which of its accounts, how much. */
export interface Move {
  readonly debit: number
  readonly credit: number
  readonly amountMinor: bigint
}

/** Random pairs of `accounts` accounts: callers seldom meet. */
export const uniform = (accounts: number) => (): Move => {
  const debit = below(accounts)
  const credit = (debit + 1 + below(accounts - 1)) % accounts
  return { debit, credit, amountMinor: amount() }
}

/** Everybody pays account `hot`: a merchant, a fee account. Callers always meet. */
export const toHot = (accounts: number, hot: number) => (): Move => {
  const debit = (hot + 1 + below(accounts - 1)) % accounts
  return { debit, credit: hot, amountMinor: amount() }
}

const below = (end: number): number => Math.floor(Math.random() * end)
const amount = (): bigint => BigInt(1 + below(10_000))
