import { LedgerError } from './errors.ts'
import type { Executor } from './executor.ts'
import { type Item, itemOf } from './item.ts'
import type { TransferInput } from './moves.ts'
import type { Busy, TransferResult } from './outcomes.ts'
import { CHUNK_MAX, type PostItems, resultsOf } from './post-items.ts'
import { within } from './within.ts'

/** Options of {@link LedgerGroups.batcher}. */
export interface BatcherOptions {
  /**
   * Transfers of one statement, 1 … 1,000. More make each one cheaper under load, and a lost
   * connection leaves more of them `unknown`.
   * @defaultValue 200
   */
  readonly itemsMax?: number
  /**
   * How long a transfer may wait for company while a lane is free, 0 … 1,000 milliseconds. 0 waits
   * for those of the same turn of the event loop only; under load, batches fill while the lanes are
   * at work, so that more is rarely worth its delay.
   * @defaultValue 0
   */
  readonly waitMs?: number
  /**
   * Statements under way at once, 1 … 32; each takes a connection of the pool. More than two help
   * where commits are slow and the accounts are many; they make hot accounts wait for each other.
   * @defaultValue 2
   */
  readonly lanes?: number
  /**
   * Transfers that may wait, 1 … 1,000,000. One more is answered `busy: queue_full`.
   * @defaultValue 10,000
   */
  readonly queueMax?: number
}

/** Sends transfers that are asked for at the same time in one statement. */
export interface Batcher extends AsyncDisposable {
  /**
   * As {@link LedgerMoves.transfer}, alone: a result for each, and `busy` and `unknown` rather than
   * errors. Transfers may be posted in another order than they were asked for.
   *
   * @throws {@link LedgerError} as `transfer` does where it would be alone: for an error that is its
   * own, not for that of another transfer of its batch.
   */
  transfer<C extends string>(transfer: TransferInput<C>): Promise<TransferResult>
  /** Transfers taken and not answered yet: those that wait and those under way. */
  readonly size: number
  /**
   * Takes no more transfers (they are `busy: unavailable`) and resolves when all that were taken
   * have been answered. May be called again.
   */
  close(): Promise<void>
}

interface Waiting {
  readonly item: Item
  readonly resolve: (result: TransferResult) => void
  readonly reject: (error: unknown) => void
}

const WAIT_MS_MAX = 1_000
const LANES_MAX = 32
const QUEUE_MAX = 1_000_000
/** About what a full default queue takes to drain. */
const QUEUE_FULL_RETRY_AFTER_MS = 500

/** {@link LedgerGroups.batcher} */
export function createBatcher(
  post: PostItems,
  db: Executor,
  options: BatcherOptions = {},
): Batcher {
  if (db.isTransaction) {
    const message = 'A batcher owns its transactions: give it the Kysely, not a Transaction'
    throw new LedgerError('LEDGER_INVALID_OPTION', message)
  }
  return new Lanes(post, db, {
    itemsMax: within('itemsMax', options.itemsMax ?? 200, CHUNK_MAX),
    waitMs: within('waitMs', options.waitMs ?? 0, WAIT_MS_MAX, 0),
    lanes: within('lanes', options.lanes ?? 2, LANES_MAX),
    queueMax: within('queueMax', options.queueMax ?? 10_000, QUEUE_MAX),
  })
}

class Lanes implements Batcher {
  readonly #post: PostItems
  readonly #db: Executor
  readonly #options: Required<BatcherOptions>
  #queue: Waiting[] = []
  #underWay = 0
  #lanesBusy = 0
  /** Puts off a send that is arranged; null: none is. */
  #putOff: (() => void) | null = null
  #closed: PromiseWithResolvers<void> | null = null

  constructor(post: PostItems, db: Executor, options: Required<BatcherOptions>) {
    this.#post = post
    this.#db = db
    this.#options = options
  }

  get size(): number {
    return this.#queue.length + this.#underWay
  }

  async transfer(transfer: TransferInput): Promise<TransferResult> {
    const item = itemOf(transfer)
    if ('outcome' in item) return item
    if (this.#closed !== null) return busy('unavailable', QUEUE_FULL_RETRY_AFTER_MS)
    if (this.#queue.length >= this.#options.queueMax) {
      return busy('queue_full', QUEUE_FULL_RETRY_AFTER_MS)
    }
    const { promise, resolve, reject } = Promise.withResolvers<TransferResult>()
    this.#queue.push({ item, resolve, reject })
    this.#arrange()
    return promise
  }

  close(): Promise<void> {
    this.#closed ??= Promise.withResolvers()
    this.#putOff?.() // nobody more will come
    this.#putOff = null
    this.#arrange()
    return this.#closed.promise
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** Sends what is due to be sent, now or a moment later, and notices the end. */
  #arrange(): void {
    const { itemsMax, lanes, waitMs } = this.#options
    while (this.#lanesBusy < lanes && this.#queue.length >= itemsMax) this.#send()
    if (this.#queue.length === 0) {
      if (this.#underWay === 0) this.#closed?.resolve()
      return
    }
    if (this.#lanesBusy === lanes || this.#putOff !== null) return
    const due = () => {
      this.#putOff = null
      if (this.#lanesBusy < lanes && this.#queue.length > 0) this.#send()
    }
    if (waitMs > 0 && this.#closed === null) {
      const timeout = setTimeout(due, waitMs)
      this.#putOff = () => clearTimeout(timeout)
    } else {
      // A transfer that is asked for on the answer to another is still in time for this.
      const immediate = setImmediate(due)
      this.#putOff = () => clearImmediate(immediate)
    }
  }

  #send(): void {
    const batch = this.#queue.splice(0, this.#options.itemsMax)
    this.#lanesBusy += 1
    this.#underWay += batch.length
    void this.#deliver(batch).then(() => {
      this.#lanesBusy -= 1
      this.#underWay -= batch.length
      this.#arrange()
    })
  }

  /** Answers each of the batch; never rejects. */
  async #deliver(batch: readonly Waiting[]): Promise<void> {
    const items = batch.map(({ item }) => item)
    try {
      const results = resultsOf(await this.#post(this.#db, items), items)
      for (const [n, { resolve }] of batch.entries()) resolve(results[n] as TransferResult)
    } catch (error) {
      if (batch.length === 1 || !LedgerError.is(error) || error.code !== 'LEDGER_DATABASE') {
        for (const { reject } of batch) reject(error)
        return
      }
      // PostgreSQL refused the statement, and so wrote nothing: which half is to blame?
      const middle = Math.ceil(batch.length / 2)
      await this.#deliver(batch.slice(0, middle))
      await this.#deliver(batch.slice(middle))
    }
  }
}

const busy = (cause: Busy['cause'], retryAfterMs: number): Busy => ({
  outcome: 'busy',
  cause,
  retryAfterMs,
})
