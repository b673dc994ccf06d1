import type { Bench } from './lib/context.ts'
import { idempotency } from './idempotency/speed/speed.ts'
import { ledgerGrowth } from './ledger/growth.ts'
import { idempotencyScoreboard } from './idempotency/scoreboard/scoreboard.ts'
import { ledger } from './ledger/ledger.ts'
import { payflow } from './payflow/payflow.ts'
import { queueBacklog } from './queue/backlog.ts'
import { queue } from './queue/queue.ts'
import { reversal } from './reversal/reversal.ts'

/** What `npm run bench -- NAME` knows. */
export const benches: Readonly<Record<string, Bench>> = {
  ledger,
  idempotency,
  'idempotency-scoreboard': idempotencyScoreboard,
  'ledger-growth': ledgerGrowth,
  payflow,
  queue,
  'queue-backlog': queueBacklog,
  reversal,
}
