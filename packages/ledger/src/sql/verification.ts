import { presentGuardsFunction } from './guards.ts'
import { verifyAccountsFunction } from './verify-accounts.ts'
import { verifyGroups } from './verify-groups.ts'
import { verifyHoldsFunction } from './verify-holds.ts'
import { verifyTransfersFunction } from './verify-transfers.ts'
import { verifyWholeFunction } from './verify-whole.ts'

/** Functions of `verify`, one for each of its stages. */
export const verification = (s: string): readonly string[] => [
  presentGuardsFunction(s),
  verifyAccountsFunction(s),
  verifyTransfersFunction(s),
  verifyHoldsFunction(s),
  ...verifyGroups(s),
  verifyWholeFunction(s),
]
