/*
 * Goal: the ledger answers any sequence of verbs as a page of arithmetic does, whatever happens to
 * connections, backends and statements on the way, and many clients at once make or lose no money.
 * Method: worlds side by side, each with accounts of its own, one client and a model that says what
 * each answer must be; they meet on shared accounts. Faults are drawn with the requests, so that a
 * failing sequence becomes smaller and can be played again: the failure says how.
 */
import { seed } from '@payflow/testkit'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Fixture, openFixture } from './support/fixture.ts'
import { Model } from './support/model/model.ts'
import type { Answer } from './support/model/refusal.ts'
import type { WriteRequest } from './support/model/requests.ts'
import { installServerFaults } from './support/server-faults.ts'
import { campaign, describeFailure, type Failure, replay } from './support/world/campaign.ts'
import { openStage, type Stage, type StageOptions } from './support/world/stage.ts'

const OPERATIONS = Number(process.env['MODEL_OPERATIONS'] ?? 50_000)
const LANES = 24

let fx: Fixture
let stage: Stage | undefined
beforeEach(async () => {
  fx = await openFixture({ connectionsMax: 2 })
  await installServerFaults(fx.db)
})
afterEach(async () => {
  await stage?.close()
  await fx.closeSound()
})

async function open(options: StageOptions = {}): Promise<Stage> {
  stage = await openStage(fx.database.url, options)
  return stage
}

function expectNone(failure: Failure | null): void {
  if (failure !== null) throw new Error(describeFailure(failure), { cause: failure.error })
}

/** What must have come up in a run, or it has shown nothing. */
const ANSWERS = [
  'created',
  'replayed',
  'conflict',
  'rejected: insufficient_funds',
  'rejected: limit_exceeded',
  'rejected: exceeds_hold',
  'rejected: hold_released',
  'rejected: already_captured',
  'rejected: period_sealed',
  'rejected: currency_mismatch',
]
const FAULTS = [
  'cut before_statement',
  'cut before_sync',
  'cut in_flight',
  'cut before_answer',
  'cut mid_answer',
  'cut before_ready',
  'sent twice at once',
  'connection lost while idle',
  'backend killed under the statement',
  '40001 raised',
  '40P01 raised',
  '55P03 raised',
  '57014 raised',
]

describe('any sequence of verbs', () => {
  test('LEDGER-07 LEDGER-11 LEDGER-19 many clients at once, with faults, are answered as the model answers', async () => {
    const here = await open()
    const again = process.env['MODEL_REPLAY']
    if (again !== undefined) return expectNone(await replay(here, again))
    expectNone(await campaign(here, { lanes: LANES, operations: OPERATIONS, seed: seed() }))
    const { tally } = here
    expect(tally.operations).toBeGreaterThanOrEqual(OPERATIONS)
    expect(ANSWERS.filter((answer) => !tally.outcomes.has(answer))).toEqual([])
    expect(FAULTS.filter((fault) => !tally.faults.has(fault))).toEqual([])
    const { balanced, totals } = await fx.ledger.trialBalance(fx.db)
    expect(totals.map(({ currency, differenceMinor }) => [currency, differenceMinor])).toEqual([
      ['EUR', 0n],
      ['USD', 0n],
    ])
    expect(balanced).toBe(true)
    expect((await fx.ledger.verify(fx.db)).findings).toEqual([])
  }, 600_000)
})

describe('campaign', () => {
  /** A hold of which any part may be captured again and again. */
  class ForgetsCaptures extends Model {
    override apply(request: WriteRequest): Answer {
      const answer = super.apply(request)
      const held = request.verb === 'capture' ? this.state.holds.get(request.hold) : undefined
      if (held?.state === 'open') held.captured = 0n
      return answer
    }
  }

  test.each<[what: string, options: StageOptions, requestsMax: number, error: RegExp]>([
    ['an amount captured twice', { newModel: () => new ForgetsCaptures() }, 6, /the model expects/],
    ['an unknown taken for a failure', { unknownIsFailed: true }, 4, /the model expects/],
  ])(
    'finds %s, makes the sequence small, and plays it again',
    async (_, wrong, most, error) => {
      const here = await open(wrong)
      const short = { lengthMax: 30 }
      const all = { lanes: 4, operations: 20_000, seed: seed(), ...short }
      const failure = await campaign(here, all)
      if (failure === null) throw new Error('it was not found')
      const requests = failure.operations.flatMap((o) => (o.kind === 'one' ? [o.drawn] : o.drawn))
      expect(requests.length).toBeLessThanOrEqual(most)
      expect(describeFailure(failure)).toMatch(error)
      const again = await replay(here, failure.replay, short)
      expect(again?.operations).toEqual(failure.operations)
      expect(describeFailure(again as Failure)).toMatch(error)
      await here.close()
      // It was the wrong model, or the wrong client: the ledger is as the right one says.
      expectNone(await replay(await open(), failure.replay, short))
    },
    600_000,
  )
})
