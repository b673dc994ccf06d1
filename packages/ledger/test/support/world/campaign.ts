import fc from 'fast-check'
import { inspect } from 'node:util'
import { operation } from './draw.ts'
import { keepHouse } from './house.ts'
import type { Operation } from './operations.ts'
import { sequence } from './sequence.ts'
import { type Lane, openLane, type Stage } from './stage.ts'
import { playWorld } from './play.ts'

/** One in so many requests meets a fault. */
const FAULT_ONE_IN = 20
/** Operations of a world, at most. Half as many at least. */
const LENGTH_MAX = 160

export interface CampaignOptions {
  /** Worlds at the same time. */
  readonly lanes: number
  /** Ends once so many operations have been played, and every world that began. */
  readonly operations: number
  /** What every sequence is derived from. */
  readonly seed: number
  /** Give up making a failing sequence smaller after so long. @defaultValue 60000 */
  readonly shrinkMs?: number
  /** Ends it early: no world begins any more. */
  readonly signal?: AbortSignal
  /** Most operations of a world. @defaultValue 160 */
  readonly lengthMax?: number
}

/** The smallest sequence found that fails, and where it is found again. */
export interface Failure {
  /** `seed/path`, for {@link replay}. */
  readonly replay: string
  readonly operations: readonly Operation[]
  readonly error: unknown
  /** How many times it was made smaller. */
  readonly shrinks: number
}

/** Plays worlds side by side until there have been enough operations, or one fails. */
export async function campaign(stage: Stage, options: CampaignOptions): Promise<Failure | null> {
  let failure: Failure | null = null
  let isOver = false
  const house = keepHouse(stage)
  const isEnough = () =>
    isOver || options.signal?.aborted === true || stage.tally.operations >= options.operations
  const play = async (number: number) => {
    const lane = await openLane(stage.url, number)
    for (let round = 0; !isEnough(); round += 1) {
      const seed = seedOf(options.seed, number, round)
      const found = await check(stage, lane, { seed }, options, () => {
        const isFirst = !isOver
        isOver = true
        return isFirst
      })
      failure ??= found
    }
    await lane.close()
  }
  await Promise.all(Array.from({ length: options.lanes }, (_, number) => play(number)))
  await house.close()
  return failure
}

/** Plays the sequence of a {@link Failure} again: null, if it does not fail now. */
export async function replay(
  stage: Stage,
  where: string,
  options: Pick<CampaignOptions, 'lengthMax'> = {},
): Promise<Failure | null> {
  const [seed, path] = where.split('/') as [string, string | undefined]
  const lane = await openLane(stage.url, 0)
  const found = await check(stage, lane, { seed: Number(seed), path: path ?? '0' }, options)
  await lane.close()
  return found
}

/**
 * Plays one drawn sequence, and if it fails smaller and smaller ones.
 *
 * @param onFailure - called when it first fails; false: somebody else's failure is looked at already
 */
async function check(
  stage: Stage,
  lane: Lane,
  where: { readonly seed: number; readonly path?: string },
  options: Pick<CampaignOptions, 'lengthMax' | 'shrinkMs'>,
  onFailure: () => boolean = () => true,
): Promise<Failure | null> {
  let isMine: boolean | null = null
  let shrinkUntil = Infinity
  const operations = sequence(operation(FAULT_ONE_IN), options.lengthMax ?? LENGTH_MAX)
  const property = fc.asyncProperty(operations, async (all) => {
    if (isMine === false || performance.now() > shrinkUntil) return
    try {
      await playWorld(stage, lane, all)
    } catch (error) {
      isMine ??= onFailure()
      // Counted from the failure, by us: fast-check would count from the beginning, and let go of a
      // world that is slow and fails after that.
      shrinkUntil = Math.min(shrinkUntil, performance.now() + (options.shrinkMs ?? 60_000))
      throw error
    }
  })
  const found = await fc.check(property, {
    ...where,
    numRuns: 1,
    endOnFailure: where.path !== undefined,
  })
  if (!found.failed || isMine !== true) return null
  return {
    replay: `${found.seed}/${found.counterexamplePath ?? '0'}`,
    operations: found.counterexample?.[0] ?? [],
    error: found.errorInstance,
    shrinks: found.numShrinks,
  }
}

/** Sequences for worlds that are not compared and shrunk one by one, from a seed. */
export const sequences = (seed: number, count: number): Operation[][] =>
  fc.sample(sequence(operation(FAULT_ONE_IN), LENGTH_MAX), { seed, numRuns: count })

/** Different for every world, and the same for the same run: 31 bits, as fast-check takes them. */
export function seedOf(seed: number, lane: number, round: number): number {
  let mixed =
    Math.imul(seed ^ (lane * 0x9e37_79b1), 0x85eb_ca6b) ^ Math.imul(round + 1, 0xc2b2_ae35)
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x27d4_eb2f)
  return (mixed ^ (mixed >>> 13)) & 0x7fff_ffff
}

/** A failure, for people. */
export function describeFailure(failure: Failure): string {
  const lines = failure.operations.map((each, i) => `  ${i + 1}. ${oneLine(each)}`)
  const cause = failure.error instanceof Error ? failure.error.message : inspect(failure.error)
  return [
    cause,
    `after ${lines.length} operations, made smaller ${failure.shrinks} times:`,
    ...lines,
    `again: npm run chaos -- ledger --replay ${failure.replay}`,
    `   or: MODEL_REPLAY=${failure.replay} npm test -- packages/ledger/test/model`,
  ].join('\n')
}

// Cloned: what fast-check draws has no prototype, and prints so.
const oneLine = (value: unknown): string =>
  inspect(structuredClone(value), { depth: 6, breakLength: Number.POSITIVE_INFINITY, compact: 9 })
