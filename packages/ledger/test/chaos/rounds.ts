import { waitFor } from '@payflow/testkit'
import { sequences } from '../support/world/campaign.ts'
import { playThroughCrashes } from '../support/world/crash.ts'
import { openLane } from '../support/world/stage.ts'
import { storm } from '../support/storm.ts'
import type { Arena } from './arena.ts'

const CRASH_LANES = 8
const KILLS = 3

/** Worlds go on while the server is killed with SIGKILL and started again, several times. */
export async function crashRound({ stage, server }: Arena, seed: number): Promise<void> {
  let playing = CRASH_LANES
  const all = sequences(seed, CRASH_LANES)
  const worlds = all.map(async (operations, number) => {
    const lane = await openLane(stage.url, number)
    try {
      await playThroughCrashes(stage, lane, operations)
    } finally {
      playing -= 1
      await lane.close()
    }
  })
  const played = Promise.all(worlds)
  played.catch(() => undefined) // thrown below, once the server is up again
  for (let kill = 1; kill <= KILLS; kill += 1) {
    // Somewhere in the middle of things, whatever these are.
    const next = stage.tally.operations + 100
    await waitFor(() => stage.tally.operations >= next || playing === 0, { timeoutMs: 120_000 })
    await server.kill()
    await server.start()
    stage.tally.fault('the server was killed')
  }
  await played
}

/** Many clients on the same few accounts. */
export async function stormRound({ stage }: Arena): Promise<void> {
  const size = { clients: 12, callsEach: 100 }
  const { outcomes, totalMinor } = await storm(stage.ledger, stage.side, size)
  stage.tally.operations += size.clients * size.callsEach
  if (totalMinor !== 0n) throw new Error(`the storm left ${totalMinor} too much`)
  const wrong = [...outcomes.keys()].filter((how) => /deadlock|unknown|unavailable/.test(how))
  if (wrong.length > 0) throw new Error(`the storm met ${wrong.join(', ')}`)
}
