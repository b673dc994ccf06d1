import type { TimerQueue } from '../timer-queue.ts'
import type { RedisPort } from './redis-port.ts'

type Stream = NonNullable<RedisPort['stream']>

/** So long the writes of a turn may be held up without their deadlines being counted anew. */
const promptMs = 5

/**
 * Sends the commands of one turn of the event loop in one piece: writing to a socket costs more
 * processor time, here and in Redis, than all else that is done about a command. Where the client
 * does not show its connection, or gathers commands itself, they leave one by one.
 */
export class TurnWriter {
  readonly #client: RedisPort
  readonly #deadlines: TimerQueue
  readonly #isInUse: boolean
  #corked: Stream | undefined
  #corkedAt = 0
  readonly #onTurn: (stream: Stream) => void = (stream) => this.#send(stream)

  constructor(client: RedisPort, deadlines: TimerQueue) {
    this.#client = client
    this.#deadlines = deadlines
    this.#isInUse = client.options?.enableAutoPipelining !== true
  }

  /** What is written from here to the end of this turn leaves together. */
  gather(): void {
    const { stream } = this.#client
    if (!this.#isInUse || stream === undefined || stream === null || stream === this.#corked) return
    this.#corked = stream
    this.#corkedAt = performance.now()
    stream.cork()
    setImmediate(this.#onTurn, stream)
  }

  #send(stream: Stream): void {
    stream.uncork()
    if (this.#corked !== stream) return
    this.#corked = undefined
    // A handler that blocked the event loop has held these up: Redis has not seen them yet.
    if (performance.now() - this.#corkedAt > promptMs) this.#deadlines.restart(this.#corkedAt)
  }
}
