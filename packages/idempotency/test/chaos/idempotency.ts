import { parseArgs } from 'node:util'
import { createTestDatabase, seed as seedOfRun, startPostgres, wholeNumber } from '@payflow/testkit'
import { migrateGuard } from '../../src/postgres/index.ts'
import { createEffects } from '../support/guarded.ts'
import { campaign } from './campaign.ts'
import { progress, summary } from './report.ts'
import { Tally } from './tally.ts'
import { isExactlyOnce } from './verdict.ts'

const OPTIONS = {
  payments: { type: 'string', default: '10000' },
  minutes: { type: 'string', default: '60' },
  clients: { type: 'string', default: '24' },
  every: { type: 'string', default: '30' },
  seed: { type: 'string' },
  'without-guard': { type: 'boolean', default: false },
} as const

/**
 * `npm run chaos -- idempotency [--payments N] [--minutes M] [--clients N] [--every N] [--seed S]
 * [--without-guard]`: payments by clients that retry, on servers of its own, while processes are
 * killed at every point of a payment and Redis is killed, flushed and failed over.
 *
 * @returns 0 when every payment happened exactly once; without the guard, when all were settled
 */
export async function chaos(
  args: readonly string[],
  { signal, say }: { readonly signal: AbortSignal; readonly say: (line: string) => void },
): Promise<number> {
  const { values } = parseArgs({ args: [...args], options: OPTIONS })
  const payments = wholeNumber('payments', values.payments)
  const minutes = wholeNumber('minutes', values.minutes)
  const clients = wholeNumber('clients', values.clients)
  const every = wholeNumber('every', values.every)
  const seed = values.seed === undefined ? seedOfRun() : wholeNumber('seed', values.seed, 0)
  const isGuarded = !values['without-guard']
  await using server = await startPostgres()
  await using database = await createTestDatabase({
    serverUrl: server.url,
    migrate: async (db) => {
      await migrateGuard(db)
      await createEffects(db)
    },
  })
  const guardText = isGuarded ? 'with the guard' : 'without the guard'
  say(`${payments.toLocaleString('en-US')} payments ${guardText}, seed ${seed}`)
  const tally = new Tally()
  const lines = progress(tally, { payments, seed }, say)
  const limited = AbortSignal.any([signal, AbortSignal.timeout(minutes * 60_000)])
  const begun = performance.now()
  const part = { payments, clients, every, seed, isGuarded, database, tally, signal: limited }
  const verdict = await campaign(part).finally(() => lines.stop())
  const seconds = (performance.now() - begun) / 1_000
  say(summary(tally, verdict, { seconds, seed, isGuarded }))
  const isWhole = verdict.payments >= payments && verdict.unsettled === 0
  if (!isWhole) say(signal.aborted ? 'FAILED: interrupted' : 'FAILED: the time was up')
  const isRight = isGuarded ? isExactlyOnce(verdict) : true
  say(isGuarded ? (isRight ? 'exactly one effect each' : 'FAILED: not one effect each') : '')
  return isWhole && isRight ? 0 : 1
}
