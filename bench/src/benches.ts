import type { Bench } from './lib/context.ts'
import { ledgerGrowth } from './ledger/growth.ts'
import { ledger } from './ledger/ledger.ts'

/** What `npm run bench -- NAME` knows. */
export const benches: Readonly<Record<string, Bench>> = {
  ledger,
  'ledger-growth': ledgerGrowth,
}
