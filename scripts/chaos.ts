/*
 * `npm run chaos -- ledger [options]`: the fault campaign of a package, at length, on servers of its
 * own. Ends with a summary, and with 0 only if nothing was wrong. Ctrl-C ends it early, in order.
 */
import { ensureServers } from '@payflow/testkit'
import { chaos as ofIdempotency } from '../packages/idempotency/test/chaos/idempotency.ts'
import { chaos as ofLedger } from '../packages/ledger/test/chaos/ledger.ts'
import { chaos as ofQueue } from '../packages/queue/test/chaos/queue.ts'

const campaigns: Readonly<Record<string, typeof ofLedger>> = {
  idempotency: ofIdempotency,
  ledger: ofLedger,
  queue: ofQueue,
}

const [name = '', ...args] = process.argv.slice(2)
const campaign = campaigns[name]
if (campaign === undefined) {
  console.error(`npm run chaos -- <package>: one of ${Object.keys(campaigns).join(', ')}`)
  process.exit(2)
}

const interrupted = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => interrupted.abort())
}
const beside = { idempotency: ['redis'], ledger: [], queue: ['rabbitmq'] } as const
await ensureServers(['postgres', ...beside[name as keyof typeof beside]])
process.exitCode = await campaign(args, {
  signal: interrupted.signal,
  say: (line) => console.log(line),
})
