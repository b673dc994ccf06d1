import { parseArgs } from 'node:util'
import { seed as seedOfRun, wholeNumber } from '@payflow/testkit'
import { campaign, describeFailure, replay, seedOf } from '../support/world/campaign.ts'
import { type Arena, openArena } from './arena.ts'
import { progress, summary } from './report.ts'
import { crashRound, stormRound } from './rounds.ts'

/** Operations between two rounds of crashes and storms. */
const LEG = 50_000

const OPTIONS = {
  operations: { type: 'string', default: '1000000' },
  minutes: { type: 'string', default: '120' },
  lanes: { type: 'string', default: '24' },
  seed: { type: 'string' },
  replay: { type: 'string' },
} as const

/**
 * `npm run chaos -- ledger [--operations N] [--minutes M] [--lanes N] [--seed S] [--replay S/P]`:
 * the model test at length, on a PostgreSQL of its own that is also killed now and then.
 *
 * @returns 0 when every answer was the model's and the ledger finds nothing wrong with itself
 */
export async function chaos(
  args: readonly string[],
  { signal, say }: { readonly signal: AbortSignal; readonly say: (line: string) => void },
): Promise<number> {
  const { values } = parseArgs({ args: [...args], options: OPTIONS })
  const operations = wholeNumber('operations', values.operations)
  const minutes = wholeNumber('minutes', values.minutes)
  const lanes = wholeNumber('lanes', values.lanes)
  const seed = values.seed === undefined ? seedOfRun() : wholeNumber('seed', values.seed, 0)
  await using arena = await openArena()
  if (values.replay !== undefined) return await replayed(arena, values.replay, say)
  const limited = AbortSignal.any([signal, AbortSignal.timeout(minutes * 60_000)])
  say(`${operations.toLocaleString('en-US')} operations, ${lanes} worlds at a time, seed ${seed}`)
  const begun = performance.now()
  const lines = progress(arena.stage.tally, { operations, seed }, say)
  let failure: string | null = null
  try {
    failure = await play(arena, { operations, lanes, seed, signal: limited })
  } catch (error) {
    failure = error instanceof Error ? (error.stack ?? error.message) : String(error)
  } finally {
    lines.stop()
  }
  const isShort = arena.stage.tally.operations < operations
  if (failure === null && isShort) failure = signal.aborted ? 'interrupted' : 'the time was up'
  say('verifying …')
  const findings = await arena.findings()
  const seconds = (performance.now() - begun) / 1_000
  say(summary(arena.stage.tally, { seconds, seed, failure, findings }))
  return failure === null && findings.length === 0 ? 0 : 1
}

interface Play {
  readonly operations: number
  readonly lanes: number
  readonly seed: number
  readonly signal: AbortSignal
}

/** Answers what failed, or null. */
async function play(
  arena: Arena,
  { operations, lanes, seed, signal }: Play,
): Promise<string | null> {
  const { tally } = arena.stage
  for (let leg = 0; tally.operations < operations && !signal.aborted; leg += 1) {
    const until = Math.min(tally.operations + LEG, operations)
    const legSeed = seedOf(seed, 0, leg)
    const all = { lanes, operations: until, seed: legSeed, signal }
    const failure = await campaign(arena.stage, all)
    if (failure !== null) return describeFailure(failure)
    if (signal.aborted) return null
    await stormRound(arena)
    await crashRound(arena, legSeed)
  }
  return null
}

async function replayed(arena: Arena, where: string, say: (line: string) => void): Promise<number> {
  const failure = await replay(arena.stage, where)
  say(failure === null ? 'it does not fail now' : describeFailure(failure))
  return failure === null ? 0 : 1
}
