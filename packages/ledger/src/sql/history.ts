import { accountStatementFunction } from './account-statement.ts'
import { balanceAtFunction } from './balance-at.ts'
import { chainFunctions } from './chains.ts'
import { linesFunction } from './lines.ts'

/** Functions that read the past of an account, each before its first user. */
export const history = (s: string): readonly string[] => [
  ...chainFunctions(s),
  linesFunction(s),
  balanceAtFunction(s),
  accountStatementFunction(s),
]
