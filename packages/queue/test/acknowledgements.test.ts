// Which deliveries a frame to the broker settles. The broker here is a model: it knows what AMQP says
// about tags, and refuses what RabbitMQ would refuse by closing the channel.
import type { Channel, ConsumeMessage } from 'amqplib'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ChannelGeneration, Delivery } from '../src/consumer/delivery.ts'
import { CommitReceipt, DuplicateReceipt, MovedReceipt } from '../src/consumer/proof.ts'
import type { Proof } from '../src/consumer/proof.ts'

/** What the broker believes of one channel: the tags it waits for, and those it forgot for good. */
class ModelChannel {
  readonly unsettled = new Set<number>()
  readonly forgotten = new Set<number>()
  frames = 0
  open = true
  #next = 1

  deliver(generation: ChannelGeneration): Delivery {
    const deliveryTag = this.#next
    this.#next += 1
    this.unsettled.add(deliveryTag)
    const message = { fields: { deliveryTag, redelivered: false } } as ConsumeMessage
    return new Delivery(message, generation)
  }

  ack({ fields: { deliveryTag } }: ConsumeMessage, allUpTo = false): void {
    this.#require(deliveryTag)
    for (const tag of this.unsettled) {
      if (tag !== deliveryTag && !(allUpTo && tag < deliveryTag)) continue
      this.unsettled.delete(tag)
      this.forgotten.add(tag)
    }
  }

  nack({ fields: { deliveryTag } }: ConsumeMessage): void {
    this.#require(deliveryTag)
    this.unsettled.delete(deliveryTag)
  }

  #require(tag: number): void {
    if (!this.open) throw new Error('IllegalOperationError: channel closed')
    this.frames += 1
    if (!this.unsettled.has(tag)) throw new Error(`406 unknown delivery tag ${tag}`)
  }
}

function channel(): { model: ModelChannel; generation: ChannelGeneration } {
  const model = new ModelChannel()
  return { model, generation: new ChannelGeneration(model as unknown as Channel) }
}

const proofs: readonly (() => Proof)[] = [
  () => new CommitReceipt(),
  () => new DuplicateReceipt(),
  () => new MovedReceipt(),
]

/** One step of a consumer's life. `which` chooses among what is in hand. */
const step = fc.oneof(
  fc.record({ do: fc.constant('deliver' as const), count: fc.integer({ min: 1, max: 12 }) }),
  fc.record({ do: fc.constant('together' as const), which: fc.array(fc.nat(), { maxLength: 12 }) }),
  fc.record({ do: fc.constant('alone' as const), which: fc.nat(), proof: fc.nat(2) }),
  fc.record({ do: fc.constant('release' as const), which: fc.nat() }),
  fc.record({ do: fc.constant('lose' as const) }),
)

describe('acknowledging together', () => {
  it('QUEUE-10 never covers a delivery without proof, whatever is settled in what order', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        let { model, generation } = channel()
        let hand: Delivery[] = []
        const proven = new Set<number>()
        const take = (which: number): Delivery[] => hand.splice(which % hand.length, 1)
        const prove = (deliveries: readonly Delivery[]): void => {
          for (const { message } of deliveries) proven.add(message.fields.deliveryTag)
        }
        for (const command of steps) {
          if (command.do === 'deliver') {
            for (let index = 0; index < command.count; index += 1) {
              hand.push(model.deliver(generation))
            }
          } else if (command.do === 'lose') {
            model.open = false
            const late = hand.map((delivery) => ({ delivery, proof: new CommitReceipt() }))
            Delivery.acknowledgeAll(late)
            ;({ model, generation } = channel())
            hand = []
            proven.clear()
          } else if (command.do === 'together') {
            const chosen = command.which.flatMap((which) => (hand.length > 0 ? take(which) : []))
            prove(chosen)
            Delivery.acknowledgeAll(
              chosen.map((delivery) => ({ delivery, proof: new CommitReceipt() })),
            )
          } else if (hand.length > 0) {
            const chosen = take(command.which)
            if (command.do === 'alone') prove(chosen)
            for (const delivery of chosen) {
              if (command.do === 'release') delivery.release()
              else delivery.ack((proofs[command.proof] ?? proofs[0])!())
            }
          }
          expect(model.forgotten).toEqual(proven)
          expect(model.unsettled).toEqual(
            new Set(hand.map(({ message }) => message.fields.deliveryTag)),
          )
          expect(generation.alive).toBe(true)
        }
      }),
      { numRuns: 500 },
    )
  })

  it('takes one frame for a prefix and one for each of the others', () => {
    const { model, generation } = channel()
    const all = Array.from({ length: 10 }, () => model.deliver(generation))
    const settle = (...indexes: number[]): void =>
      Delivery.acknowledgeAll(
        indexes.map((index) => ({ delivery: all[index]!, proof: new CommitReceipt() })),
      )
    settle(0, 1, 2, 3)
    expect(model.frames).toBe(1)
    settle(9, 5, 7) // 4 is in hand
    expect(model.frames).toBe(4)
    settle(6, 4) // and now nothing up to 7 is
    expect(model.frames).toBe(5)
    expect([...model.unsettled]).toEqual([9])
    settle(8)
    expect(model.frames).toBe(6)
    expect(model.unsettled.size).toBe(0)
  })

  it('covers nothing at once on a channel whose tags are not consecutive', () => {
    const { model, generation } = channel()
    const first = model.deliver(generation)
    model.unsettled.add(2) // delivered behind our back
    const later = { fields: { deliveryTag: 3 } } as ConsumeMessage
    model.unsettled.add(3)
    const third = new Delivery(later, generation)
    Delivery.acknowledgeAll(
      [third, first].map((delivery) => ({ delivery, proof: new CommitReceipt() })),
    )
    expect([...model.unsettled]).toEqual([2])
    expect(model.frames).toBe(2)
  })

  it('acknowledges nothing when one of them has no proof, or was settled', () => {
    const { model, generation } = channel()
    const [first, second] = [model.deliver(generation), model.deliver(generation)]
    const forged = { kind: 'commit' } as CommitReceipt
    expect(() =>
      Delivery.acknowledgeAll([
        { delivery: first, proof: new CommitReceipt() },
        { delivery: second, proof: forged },
      ]),
    ).toThrow('needs proof')
    expect(model.frames).toBe(0)
    second.release()
    expect(() =>
      Delivery.acknowledgeAll([{ delivery: second, proof: new CommitReceipt() }]),
    ).toThrow('settled before')
    expect([...model.unsettled]).toEqual([1])
  })
})
