// When a bus stops, its sweep has ended: what comes after may be the end of the pool.
import { setImmediate as turn } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { waitFor } from '@payflow/testkit'
import { Upkeep } from '../src/operator/upkeep.ts'

it('waits for the sweep it is in, and begins no other', async () => {
  const { promise: mayEnd, resolve: end } = Promise.withResolvers<void>()
  const told: string[] = []
  const upkeep = new Upkeep({
    query: async () => [],
    schema: 'queue',
    reporter: { emit: ({ type }) => told.push(type), probe: () => {} },
    consumers: () => [],
    sweepEveryMs: 1,
    sweep: async (signal) => {
      told.push('begun')
      await mayEnd
      told.push(signal.aborted ? 'ended early' : 'ended')
    },
  })
  upkeep.start()
  await waitFor(() => told.length > 0)
  const stopped = upkeep.stop().then(() => told.push('stopped'))
  await turn()
  end()
  await stopped
  expect(told).toEqual(['begun', 'ended early', 'stopped'])
})
