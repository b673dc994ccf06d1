/*
 * Goal: a watch that begins while a look is running misses nothing, and one that has ended is over.
 * Method: the feed over looks that end when the test says so.
 */
import { createLogger } from '@payflow-app/service-kit'
import { waitFor } from '@payflow/testkit'
import { describe, expect, it } from 'vitest'
import { createEventFeed } from '../src/event-feed.ts'
import type { PaymentEventRow } from '../src/sql/read-events.ts'

const PAYMENT_ID = '0193f0aa-0000-7000-8000-000000000001'

interface Look {
  /** From where on the payment was read. */
  readonly afterId: bigint | undefined
  readonly find: (...ids: readonly string[]) => void
}

function eventOf(id: string): PaymentEventRow {
  return { id, paymentId: PAYMENT_ID, type: 'dispatched', at: new Date(0), data: {} }
}

function controlledFeed(intervals = { intervalMinMs: 1, intervalMaxMs: 5 }) {
  const looks: Look[] = []
  const feed = createEventFeed({
    read: (after) => {
      const { promise, resolve } = Promise.withResolvers<readonly PaymentEventRow[]>()
      const find = (...ids: readonly string[]): void => resolve(ids.map(eventOf))
      looks.push({ afterId: after.get(PAYMENT_ID), find })
      return promise
    },
    logger: createLogger({ service: 'event-feed', level: 'silent' }),
    ...intervals,
  })
  /** The look with this number, once it has begun. */
  const look = async (number: number): Promise<Look> =>
    await waitFor(() => looks[number - 1], { message: () => `look ${number}` })
  return { feed, look }
}

describe('a watch that begins while a look from a later place is running', () => {
  it('is told nothing by that look, and everything, in order, by the next', async () => {
    const { feed, look } = controlledFeed()
    const [ahead, behind]: [string[], string[]] = [[], []]
    const endAhead = feed.watch(PAYMENT_ID, 2n, ({ id }) => void ahead.push(id))
    const first = await look(1)
    expect(first.afterId).toBe(2n)

    const endBehind = feed.watch(PAYMENT_ID, 1n, ({ id }) => void behind.push(id))
    first.find('3')
    const second = await look(2)
    expect([ahead, behind]).toEqual([['3'], []])

    expect(second.afterId).toBe(1n)
    second.find('2', '3')
    const third = await look(3)
    expect([ahead, behind]).toEqual([['3'], ['2', '3']])
    expect(third.afterId).toBe(3n)
    endAhead()
    endBehind()
    third.find()
  })
})

describe('a watch that has ended', () => {
  it("ends nobody else's, though it is ended twice", async () => {
    const { feed, look } = controlledFeed()
    const told: string[] = []
    const end = feed.watch(PAYMENT_ID, 0n, () => undefined)
    end()
    const endNext = feed.watch(PAYMENT_ID, 0n, ({ id }) => void told.push(id))
    end()
    expect(feed.watched).toBe(1)
    const { find } = await look(1)
    find('1')
    const next = await look(2)
    expect(told).toEqual(['1'])
    endNext()
    next.find()
  })

  it('leaves no pause behind that the next one would have to wait for', async () => {
    const anHourMs = 3_600_000
    const { feed, look } = controlledFeed({ intervalMinMs: anHourMs, intervalMaxMs: anHourMs })
    const end = feed.watch(PAYMENT_ID, 0n, () => undefined)
    const first = await look(1)
    first.find()
    // The pause begins in the turn after the look.
    await new Promise(setImmediate)
    end()
    await new Promise(setImmediate)
    feed.watch(PAYMENT_ID, 0n, () => undefined)()
    const second = await look(2)
    expect(second.afterId).toBe(0n)
    second.find()
  })
})
