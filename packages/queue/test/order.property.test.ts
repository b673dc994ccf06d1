// The scheduler against a model: arbitrary keys, arrivals, failures and losses of the channel. Whatever
// happens, the messages of one key end in the order in which they arrived, and nothing is left over.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { waitFor } from '@payflow/testkit'
import { ChannelGeneration, Delivery } from '../src/consumer/delivery.ts'
import { CommitReceipt } from '../src/consumer/proof.ts'
import { KeyOrder } from '../src/consumer/key-order.ts'
import { Scheduler } from '../src/consumer/scheduler.ts'
import { NO_SETTLEMENTS } from '../src/consumer/settle.ts'
import type { Held, Settlement } from '../src/consumer/settle.ts'
import type { Unit } from '../src/consumer/unit.ts'

const PREFETCH = 1_000

/** A message of the test: its key, how often it fails, and how many turns each try takes. */
interface Message {
  readonly key: string
  readonly failures: number
  readonly turns: number
}

const messageArb: fc.Arbitrary<Message> = fc.record({
  key: fc.constantFrom('a', 'b', 'c', 'd'),
  failures: fc.nat(3),
  turns: fc.nat(4),
})

/** Runs units as a consumer would: takes its time, fails as often as it is told, then commits. */
class Bench {
  readonly begun: number[] = []
  readonly ended: number[] = []
  readonly counts: Record<Settlement, number> = { ...NO_SETTLEMENTS }
  atWorkMax = 0
  overlaps = 0
  readonly lanes = new KeyOrder(PREFETCH)
  readonly scheduler: Scheduler
  generation = new ChannelGeneration({} as never)
  readonly #messages: readonly Message[]
  readonly #atWork = new Set<string>()

  constructor(messages: readonly Message[], concurrency: number) {
    this.#messages = messages
    this.scheduler = new Scheduler({
      concurrency,
      order: this.lanes,
      runner: { run: (unit) => this.#run(unit) },
      onSettled: (settlement) => (this.counts[settlement] += 1),
    })
  }

  deliver(index: number): void {
    const key = this.#messages[index]?.key
    const properties = { messageId: String(index), headers: { 'cloudEvents:partitionkey': key } }
    const message = { fields: { deliveryTag: index + 1 }, properties }
    this.scheduler.add(new Delivery(message as never, this.generation))
  }

  async #run({ deliveries: [delivery] }: Unit): Promise<(Settlement | Held)[]> {
    const index = Number(delivery?.message.properties.messageId)
    const { key, failures, turns } = this.#messages[index] ?? { key: '', failures: 0, turns: 0 }
    this.begun.push(index)
    this.atWorkMax = Math.max(this.atWorkMax, this.scheduler.working)
    if (this.#atWork.has(key)) this.overlaps += 1
    this.#atWork.add(key)
    for (let turn = 0; turn < turns; turn += 1) await new Promise(setImmediate)
    this.#atWork.delete(key)
    if (delivery === undefined || !delivery.generation.alive) return ['abandoned']
    if (delivery.failed < failures) {
      delivery.failed += 1
      return [{ heldForMs: turns }]
    }
    this.ended.push(index)
    return ['committed']
  }
}

describe('Scheduler', () => {
  it('QUEUE-29 ends the messages of each key in the order of their arrival, whatever fails', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(messageArb, { maxLength: 40 }),
        fc.integer({ min: 1, max: 6 }),
        async (messages, concurrency) => {
          const bench = new Bench(messages, concurrency)
          for (const index of messages.keys()) {
            bench.deliver(index)
            if (index % 5 === 0) await new Promise(setImmediate)
          }
          await waitFor(() => bench.scheduler.inFlight === 0, { intervalMs: 1 })
          for (const key of ['a', 'b', 'c', 'd']) {
            const ofKey = (index: number): boolean => messages[index]?.key === key
            const arrived = [...messages.keys()].filter(ofKey)
            expect(bench.ended.filter(ofKey)).toEqual(arrived)
          }
          expect(bench.overlaps).toBe(0)
          expect(bench.atWorkMax).toBeLessThanOrEqual(concurrency)
          expect(bench.lanes.health()).toMatchObject({ active: 0, blockedCount: 0, starved: false })
        },
      ),
      { numRuns: 150 },
    )
  })

  it('QUEUE-08 QUEUE-29 keeps the order when the channel is lost and everything comes again', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(messageArb, { minLength: 1, maxLength: 25 }),
        fc.array(fc.nat(12), { minLength: 1, maxLength: 4 }),
        async (messages, losses) => {
          const bench = new Bench(messages, 3)
          for (const turns of losses) {
            // Everything that has not ended comes again, in order, as a broker delivers it.
            for (const index of messages.keys())
              if (!bench.ended.includes(index)) bench.deliver(index)
            for (let turn = 0; turn < turns; turn += 1) await new Promise(setImmediate)
            bench.generation.kill()
            bench.scheduler.releaseBuffered()
            bench.generation = new ChannelGeneration({} as never)
          }
          for (const index of messages.keys())
            if (!bench.ended.includes(index)) bench.deliver(index)
          await waitFor(() => bench.scheduler.inFlight === 0, { intervalMs: 1 })
          for (const key of ['a', 'b', 'c', 'd']) {
            const ofKey = (index: number): boolean => messages[index]?.key === key
            expect(bench.ended.filter(ofKey)).toEqual([...messages.keys()].filter(ofKey))
          }
          expect(bench.overlaps).toBe(0)
          expect(bench.counts.committed).toBe(messages.length)
        },
      ),
      { numRuns: 100 },
    )
  })

  it('QUEUE-08 QUEUE-29 starts no delivery of a dead channel, whoever has noticed that it is dead', async () => {
    const messages = [30, 0, 0].map((turns) => ({ key: 'a', failures: 0, turns }))
    const bench = new Bench(messages, 3)
    const all = [...messages.keys()]
    for (const index of all) bench.deliver(index)
    // The first is at work; when it comes back the others are still in hand.
    bench.generation.kill()
    await waitFor(() => bench.scheduler.inFlight === 0, { intervalMs: 1 })
    expect(bench.begun).toEqual([0])
    expect(bench.counts).toMatchObject({ abandoned: 3, committed: 0 })
    bench.generation = new ChannelGeneration({} as never)
    for (const index of all) bench.deliver(index)
    await waitFor(() => bench.scheduler.inFlight === 0, { intervalMs: 1 })
    expect(bench.ended).toEqual(all)
  })

  it('lets go of the deliveries of one channel and keeps those of the next', async () => {
    const messages = ['a', 'b'].map((key) => ({ key, failures: 0, turns: 0 }))
    const bench = new Bench(messages, 3)
    bench.scheduler.stop()
    bench.deliver(0)
    const lost = bench.generation
    bench.generation = new ChannelGeneration({} as never)
    bench.deliver(0)
    bench.deliver(1)
    lost.kill()
    bench.scheduler.releaseBuffered(lost)
    expect(bench.counts).toMatchObject({ abandoned: 1 })
    bench.scheduler.start()
    await waitFor(() => bench.scheduler.inFlight === 0, { intervalMs: 1 })
    expect(bench.ended).toEqual([0, 1])
    expect(bench.lanes.health()).toMatchObject({ active: 0, blockedCount: 0 })
  })

  it('QUEUE-32 tells everyone who waits that nothing is at work, not only the last', async () => {
    const bench = new Bench([{ key: 'a', failures: 0, turns: 5 }], 1)
    bench.deliver(0)
    const never = new AbortController().signal
    const waiters = ['a pause', 'a rotation', 'another pause'].map(async (name) => {
      await bench.scheduler.whenIdle(never)
      return name
    })
    expect(await Promise.all(waiters)).toHaveLength(3)
  })

  it('begins again only when everyone who stopped it has started it', async () => {
    const bench = new Bench([{ key: 'a', failures: 0, turns: 0 }], 1)
    bench.scheduler.stop()
    bench.scheduler.stop()
    bench.deliver(0)
    bench.scheduler.start()
    expect(bench.scheduler.working).toBe(0)
    bench.scheduler.start()
    expect(bench.scheduler.working).toBe(1)
    await waitFor(() => bench.ended.length === 1, { intervalMs: 1 })
  })

  it('QUEUE-29 gives nothing back alone: the first that is given back closes the channel', () => {
    const written: string[] = []
    const channel = { ack: () => written.push('ack'), nack: () => written.push('nack') }
    const generation = new ChannelGeneration(channel as never, () => written.push('close'))
    const deliveries = [1, 2, 3].map(
      (deliveryTag) =>
        new Delivery({ fields: { deliveryTag }, properties: {} } as never, generation),
    )
    expect(deliveries.slice(0, 2).map((delivery) => delivery.release())).toEqual([true, true])
    expect(deliveries[2]?.ack(new CommitReceipt())).toBe(false)
    expect(written).toEqual(['close'])
  })

  it('shows which keys are blocked, since when and what waits, up to a bound', async () => {
    const lanes = new KeyOrder(60)
    const generation = new ChannelGeneration({} as never)
    const deliver = (key: string, tag: number): Delivery => {
      const properties = { headers: { 'cloudEvents:partitionkey': key } }
      const delivery = new Delivery(
        { fields: { deliveryTag: tag }, properties } as never,
        generation,
      )
      lanes.add(delivery)
      return delivery
    }
    for (let index = 0; index < 30; index += 1) {
      deliver(`key-${index}`, index * 2)
      deliver(`key-${index}`, index * 2 + 1)
    }
    expect(lanes.health()).toMatchObject({ active: 30, blockedCount: 0, starved: false })
    for (let index = 0; index < 30; index += 1) {
      const head = lanes.next()
      if (head === undefined) throw new Error('nothing may run')
      head.failed = 2
      lanes.block(head)
    }
    expect(lanes.next()).toBeUndefined()
    const { blocked, ...health } = lanes.health()
    expect(health).toEqual({ active: 30, blockedCount: 30, starved: true })
    expect(blocked).toHaveLength(20)
    expect(blocked[0]).toEqual({
      key: 'key-0',
      failedAttempts: 2,
      blockedForMs: expect.any(Number),
      waiting: 1,
    })
  })
})
