import type { Channel, ConsumeMessage } from 'amqplib'
import { orderKey } from '../envelope.ts'
import { AckTracker } from './ack-tracker.ts'
import { isProof } from './proof.ts'
import type { Proof } from './proof.ts'

/**
 * One life of a consumer's channel. Delivery tags start at 1 on every channel, so a tag means
 * nothing on another one: settling a message of a dead channel on its successor would acknowledge
 * some other message. A generation settles its own deliveries or none.
 */
export class ChannelGeneration {
  readonly channel: Channel
  /** Which of its deliveries are still in hand. */
  readonly unsettled: AckTracker = new AckTracker()
  readonly #close: (() => void) | undefined
  #alive = true
  #givenBack = false

  /**
   * @param close - given where the order of deliveries matters. Then nothing is given back alone, for
   * it would come again behind its successors: closing the channel gives back everything in order.
   */
  constructor(channel: Channel, close?: () => void) {
    this.channel = channel
    this.#close = close
  }

  get alive(): boolean {
    return this.#alive
  }

  kill(): void {
    this.#alive = false
  }

  /** Gives a message back to its queue, or everything; `false` when the channel was lost before. */
  giveBack(message: ConsumeMessage): boolean {
    if (this.#close === undefined) {
      this.unsettled.settled(message.fields.deliveryTag)
      return this.write((channel) => channel.nack(message, false, true))
    }
    if (this.#alive) {
      this.#alive = false
      this.#givenBack = true
      this.#close()
    }
    return this.#givenBack
  }

  /** Writes to the channel if there is one; `false` when the broker will deliver again instead. */
  write(frames: (channel: Channel) => void): boolean {
    if (!this.#alive) return false
    try {
      frames(this.channel)
      return true
    } catch {
      // amqplib throws when the channel closed a moment ago.
      this.#alive = false
      return false
    }
  }
}

/** A delivery, and the proof that it is done with. */
export interface Acknowledgement {
  readonly delivery: Delivery
  readonly proof: Proof
}

/** A message in hand. It is settled once, on the channel that delivered it, or not at all. */
export class Delivery {
  readonly message: ConsumeMessage
  readonly generation: ChannelGeneration
  /** How its attempt went, for telemetry; known when it is being settled. */
  account:
    | { readonly messageType: string; readonly attempt: number; readonly error: unknown }
    | undefined
  /** How often it failed since it was delivered; counted only where it is tried again in hand. */
  failed = 0
  #orderKey: unknown
  #settled = false

  constructor(message: ConsumeMessage, generation: ChannelGeneration) {
    this.message = message
    this.generation = generation
    generation.unsettled.received(message.fields.deliveryTag)
  }

  /**
   * Acknowledges several deliveries with as few frames as that takes: one `multiple` for those below
   * which nothing of their channel is in hand, and one each for the others.
   */
  static acknowledgeAll(acknowledgements: readonly Acknowledgement[]): void {
    for (const { proof } of acknowledgements) requireProof(proof)
    const byGeneration = Map.groupBy(acknowledgements, ({ delivery }) => delivery.generation)
    for (const [generation, group] of byGeneration) {
      for (const { delivery } of group) delivery.#mark()
      const byTag = new Map(group.map(({ delivery }) => [delivery.#tag, delivery.message]))
      const plan = generation.unsettled.acknowledge([...byTag.keys()])
      generation.write((channel) => {
        const last = plan.multiple === undefined ? undefined : byTag.get(plan.multiple)
        if (last !== undefined) channel.ack(last, true)
        for (const tag of plan.single) channel.ack(byTag.get(tag) as ConsumeMessage)
      })
    }
  }

  /** What it is ordered by; equal to no other when it names neither a key nor an id. */
  get orderKey(): unknown {
    this.#orderKey ??= orderKey(this.message) ?? this
    return this.#orderKey
  }

  get redelivered(): boolean {
    return this.message.fields.redelivered
  }

  /** Acknowledges; `false` when the channel is gone, and the broker will deliver again. */
  ack(proof: Proof): boolean {
    requireProof(proof)
    this.#mark()
    this.generation.unsettled.settled(this.#tag)
    return this.generation.write((channel) => channel.ack(this.message))
  }

  /** Gives the message back to its queue, unhandled. */
  release(): boolean {
    this.#mark()
    return this.generation.giveBack(this.message)
  }

  /** For the paths that must not leave anything in hand. */
  releaseUnlessSettled(): void {
    if (!this.#settled) this.release()
  }

  get #tag(): number {
    return this.message.fields.deliveryTag
  }

  #mark(): void {
    if (this.#settled) throw new Error('This delivery was settled before')
    this.#settled = true
  }
}

/** Parts deliveries into those of one channel, or all of them, and the rest. */
export function takeOf(
  generation: ChannelGeneration | undefined,
  deliveries: readonly Delivery[],
): [taken: Delivery[], kept: Delivery[]] {
  if (generation === undefined) return [[...deliveries], []]
  const taken = deliveries.filter((delivery) => delivery.generation === generation)
  return [taken, deliveries.filter((delivery) => delivery.generation !== generation)]
}

function requireProof(proof: Proof): void {
  if (!isProof(proof)) throw new TypeError('An acknowledgement needs proof')
}
