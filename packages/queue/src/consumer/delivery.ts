import type { Channel, ConsumeMessage } from 'amqplib'
import { isProof } from './proof.ts'
import type { Proof } from './proof.ts'

/**
 * One life of a consumer's channel. Delivery tags start at 1 on every channel, so a tag means
 * nothing on another one: settling a message of a dead channel on its successor would acknowledge
 * some other message. A generation settles its own deliveries or none.
 */
export class ChannelGeneration {
  readonly channel: Channel
  #alive = true

  constructor(channel: Channel) {
    this.channel = channel
  }

  get alive(): boolean {
    return this.#alive
  }

  kill(): void {
    this.#alive = false
  }
}

/** A message in hand. It is settled once, on the channel that delivered it, or not at all. */
export class Delivery {
  readonly message: ConsumeMessage
  readonly generation: ChannelGeneration
  #settled = false

  constructor(message: ConsumeMessage, generation: ChannelGeneration) {
    this.message = message
    this.generation = generation
  }

  get redelivered(): boolean {
    return this.message.fields.redelivered
  }

  /** Acknowledges; `false` when the channel is gone, and the broker will deliver again. */
  ack(proof: Proof): boolean {
    if (!isProof(proof)) throw new TypeError('An acknowledgement needs proof')
    return this.#settle((channel) => channel.ack(this.message))
  }

  /** Gives the message back to its queue, unhandled. */
  release(): boolean {
    return this.#settle((channel) => channel.nack(this.message, false, true))
  }

  /** For the paths that must not leave anything in hand. */
  releaseUnlessSettled(): void {
    if (!this.#settled) this.release()
  }

  #settle(write: (channel: Channel) => void): boolean {
    if (this.#settled) throw new Error('This delivery was settled before')
    this.#settled = true
    if (!this.generation.alive) return false
    try {
      write(this.generation.channel)
      return true
    } catch {
      // amqplib throws when the channel closed a moment ago.
      this.generation.kill()
      return false
    }
  }
}
