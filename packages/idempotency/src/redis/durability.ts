import { randomUUID } from 'node:crypto'
import { IdempotencyError } from '../errors.ts'
import type { RedisArgument, RedisPort } from './redis-port.ts'

/** How many copies a claim must have; see `RedisStoreOptions.durability`. */
export interface DurabilityOptions {
  /**
   * A connection of its own to the same primary, without automatic pipelining: WAIT holds up
   * everything that is sent behind it on its connection. Not a Cluster.
   */
  readonly client: RedisPort
  /** So many replicas must have acknowledged a claim before its effect begins. Range 1…10. */
  readonly replicas: number
  /**
   * How long a batch of claims waits for them, in milliseconds. Range 1 to half of `deadlineMs`,
   * because a claim may have to wait for the batch before its own.
   * @defaultValue 50
   */
  readonly timeoutMs?: number
}

/** More commands than this do not wait for their batch: the server has not answered for long. */
const queueMax = 10_000

interface Entry {
  readonly command: string
  readonly args: readonly RedisArgument[]
  readonly resolve: (reply: unknown) => void
  readonly reject: (error: unknown) => void
}

/**
 * A connection whose answers count only when enough replicas have what was written. WAIT speaks of
 * the writes of its own connection, and holds it up meanwhile, so commands go in batches: all that
 * arrive while one batch waits are sent together with one WAIT behind them.
 *
 * A client sends what was not answered once more after it lost its connection. A WAIT that is sent
 * alone on a new connection has nothing to wait for and would be content at once. So a batch names
 * its connection first and asks for the name last: a new connection does not have it.
 *
 * A failure does not undo the write: whoever asked has to take the claim back.
 */
export class DurableConnection implements RedisPort {
  readonly #client: RedisPort
  readonly #replicas: number
  readonly #timeoutMs: number
  #queue: Entry[] = []
  #isBusy = false

  constructor({ client, replicas, timeoutMs = 50 }: DurabilityOptions) {
    this.#client = client
    this.#replicas = replicas
    this.#timeoutMs = timeoutMs
  }

  callBuffer(command: string, ...args: RedisArgument[]): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (this.#queue.length >= queueMax) return reject(unmet('too many wait for an answer'))
      this.#queue.push({ command, args, resolve, reject })
      if (!this.#isBusy) void this.#drain()
    })
  }

  disconnect(reconnect?: boolean): void {
    this.#client.disconnect?.(reconnect)
  }

  async #drain(): Promise<void> {
    this.#isBusy = true
    while (this.#queue.length > 0) await this.#send(this.#queue.splice(0))
    this.#isBusy = false
  }

  /** All commands are written in this turn of the event loop, so nothing comes between them. */
  async #send(batch: readonly Entry[]): Promise<void> {
    const client = this.#client
    const name = `idempotency-${randomUUID()}`
    const named = client.callBuffer('CLIENT', 'SETNAME', name)
    const replies = batch.map(({ command, args }) => client.callBuffer(command, ...args))
    const copies = client.callBuffer('WAIT', this.#replicas, this.#timeoutMs)
    const nameAfter = client.callBuffer('CLIENT', 'GETNAME')
    const doubting = this.#doubt(Promise.all([named, copies, nameAfter]), name)
    const settled = await Promise.allSettled(replies)
    const doubt = await doubting
    for (const [at, { resolve, reject }] of batch.entries()) {
      const reply = settled[at]
      if (reply?.status === 'rejected') reject(reply.reason)
      else if (doubt === undefined) resolve(reply?.value)
      else reject(doubt)
    }
  }

  /** Why the answers of a batch do not count, if they do not. */
  async #doubt(answers: Promise<unknown[]>, name: string): Promise<IdempotencyError | undefined> {
    try {
      const [, copies, nameAfter] = await answers
      if (String(nameAfter) !== name) return unmet('its connection was lost meanwhile')
      if (Number(copies) >= this.#replicas) return undefined
      const reached = `${String(copies)} of ${this.#replicas} replicas`
      return unmet(`${reached} had it after ${this.#timeoutMs} ms`)
    } catch (cause) {
      // Not as the cause itself: that would say that the server refused the claim, which has run.
      const refusal = new Error((cause as Error).message, { cause })
      return unmet('WAIT was refused', refusal)
    }
  }
}

function unmet(reason: string, cause?: unknown): IdempotencyError {
  return new IdempotencyError(
    'IDEMPOTENCY_STORE_UNAVAILABLE',
    `Redis did not write as durably as asked: ${reason}`,
    { cause },
  )
}
