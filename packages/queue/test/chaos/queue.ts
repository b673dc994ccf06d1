import { parseArgs } from 'node:util'
import { seed as seedOfRun, wholeNumber } from '@payflow/testkit'
import { campaign, written } from './campaign.ts'
import { progress, summary } from './report.ts'
import { Tally } from './tally.ts'
import { isRight } from './verdict.ts'

const OPTIONS = {
  messages: { type: 'string', default: '100000' },
  faults: { type: 'string', default: '310' },
  minutes: { type: 'string', default: '90' },
  seed: { type: 'string' },
} as const

/**
 * `npm run chaos -- queue [--messages N] [--faults N] [--minutes M] [--seed S]`: messages through the
 * outbox and four consumers, on servers of its own, while writers, relays, workers, PostgreSQL and
 * RabbitMQ are killed and frozen.
 *
 * @returns 0 when every message had exactly one effect, or was parked as it was meant to be
 */
export async function chaos(
  args: readonly string[],
  { signal, say }: { readonly signal: AbortSignal; readonly say: (line: string) => void },
): Promise<number> {
  const { values } = parseArgs({ args: [...args], options: OPTIONS })
  const messages = wholeNumber('messages', values.messages)
  const faults = wholeNumber('faults', values.faults)
  const minutes = wholeNumber('minutes', values.minutes)
  const seed = values.seed === undefined ? seedOfRun() : wholeNumber('seed', values.seed, 0)
  say(`${messages.toLocaleString('en-US')} messages, ${faults} faults, seed ${seed}`)
  const tally = new Tally()
  const lines = progress(tally, { messages: written(messages), faults, seed }, say)
  const limited = AbortSignal.any([signal, AbortSignal.timeout(minutes * 60_000)])
  const begun = performance.now()
  const part = { messages, faults, seed, tally, signal: limited }
  const verdict = await campaign(part).finally(() => lines.stop())
  const seconds = (performance.now() - begun) / 1_000
  say(summary(tally, verdict, { seconds, seed }))
  const isWhole = verdict.messages >= messages && tally.faultsTotal >= faults
  if (!isWhole) say(signal.aborted ? 'FAILED: interrupted' : 'FAILED: the time was up')
  say(isRight(verdict) ? 'exactly one effect each' : 'FAILED: not one effect each')
  return isWhole && isRight(verdict) ? 0 : 1
}
