import { waitFor } from '@payflow/testkit'
import type { Context } from '../lib/context.ts'
import { byHand } from './contenders/by-hand.ts'
import type { Contender } from './contenders/contender.ts'
import { messages } from './contenders/contender.ts'
import { payflow } from './contenders/payflow.ts'
import { Crew } from './crew.ts'
import type { Ground } from './part.ts'

/** What became of a contender's messages. */
export interface Outcome {
  readonly name: string
  /** Without an effect when nothing had happened for a while. */
  readonly missing: number
  readonly doubled: number
}

const CONCURRENCY = 8

/**
 * A worker that is killed with SIGKILL again and again while it works, and replaced; the last is left
 * alone until nothing happens any more. The same for every contender.
 */
export async function killed(
  context: Context,
  ground: Ground,
  contender: Contender,
): Promise<Outcome> {
  const kills = context.quick ? 2 : 8
  const count = context.quick ? 200 : 1_200
  // Without any progress for so long, the rest is given up.
  const patienceMs = context.quick ? 5_000 : 15_000
  await using crew = await Crew.open(contender, ground)
  await contender.fill(crew.place, messages('k', count))
  const order = { concurrency: CONCURRENCY, prefetch: CONCURRENCY * 2, count }
  for (let kill = 1; kill <= kills; kill += 1) {
    await crew.work(order)
    const rows = Math.floor((count * kill) / (kills + 2))
    await crew.untilEffects(rows, patienceMs).catch(() => {})
    await crew.kill()
  }
  await crew.work(order)
  let seen = -1
  let since = performance.now()
  await waitFor(
    async () => {
      const { rows, distinct } = await crew.effects()
      if (rows !== seen) since = performance.now()
      seen = rows
      const isDone = distinct === count && (await contender.left(crew.place)) === 0
      return isDone || performance.now() - since > patienceMs
    },
    { timeoutMs: 120_000, intervalMs: 200 },
  ).catch(() => false) // then what is missing is counted as it is
  const { rows, distinct } = await crew.effects()
  const outcome = { name: contender.name, missing: count - distinct, doubled: rows - distinct }
  context.say(
    `killed ${kills} times, ${contender.name}: ${outcome.missing} missing, ${outcome.doubled} doubled`,
  )
  return outcome
}

/** Those who say that nothing is lost or doubled; of the others it is only told. */
export const promising: ReadonlySet<string> = new Set([payflow.name, byHand.name])
