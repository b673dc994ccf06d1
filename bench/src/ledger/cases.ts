import type { Batcher } from '@payflow/ledger'
import type { Kysely } from 'kysely'
import type { Case } from '../lib/load.ts'
import type { Move } from './moves.ts'
import type { OurWorld } from './ours.ts'

/** What the cases of one world share. */
interface Of {
  readonly name: string
  readonly world: OurWorld
  readonly move: () => Move
}

/** Callers that each await one transfer after the other. */
export const singleCalls = (of: Of, db: Kysely<any>, callers: number): Case => ({
  name: of.name,
  callers,
  world: of.world,
  call: async () => {
    const { outcome } = await of.world.ledger.transfer(db, of.world.request(of.move()))
    return created(outcome)
  },
})

/** The same callers through one batcher. */
export const batchedCalls = (of: Of, batcher: Batcher, callers: number): Case => ({
  name: of.name,
  callers,
  world: of.world,
  call: async () => {
    const { outcome } = await batcher.transfer(of.world.request(of.move()))
    return created(outcome)
  },
})

/** Callers that each hand over `items` transfers at once. */
export const manyAtOnce = (of: Of, db: Kysely<any>, callers: number, items: number): Case => ({
  name: of.name,
  callers,
  world: of.world,
  call: async () => {
    const requests = Array.from({ length: items }, () => of.world.request(of.move()))
    const results = await of.world.ledger.transferMany(db, requests, { chunk: items })
    return results.reduce((sum, { outcome }) => sum + created(outcome), 0)
  },
})

// A refusal is not counted, and shows as a row that is missing or as an error.
function created(outcome: string): number {
  if (outcome !== 'created') throw new Error(outcome)
  return 1
}
