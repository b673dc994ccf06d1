import type { Publisher } from '../broker/publisher.ts'
import { BlockedError } from '../errors.ts'
import type { QueueError } from '../errors.ts'
import type { ClaimedRow } from '../postgres/claim-batch.ts'

/** A row that was not confirmed, and what was said instead. */
export interface Unconfirmed {
  readonly row: ClaimedRow
  readonly error: QueueError
}

/** What became of the rows of one claim that were handed over. */
export interface SentBatch {
  readonly confirmed: readonly ClaimedRow[]
  /** The broker said no to these. */
  readonly refused: readonly Unconfirmed[]
}

/** Rows that may be sent. */
export interface Claimed {
  readonly rows: readonly ClaimedRow[]
  /** There may be more. */
  readonly isFull: boolean
  /** Told when each of the rows is confirmed, refused, of unknown fate, or given up unsent. */
  readonly settled: (batch: SentBatch) => void
}

/** What a round works with. */
export interface RoundParts {
  readonly publisher: Pick<Publisher, 'offer'>
  /** The most messages without an answer. */
  readonly window: number
  readonly signal: AbortSignal
  /** Takes the oldest rows in hand, of those that are not. */
  readonly claim: () => Promise<Claimed>
  /** Asked before each message: a relay whose lease ran out, or was another's meanwhile, hands over no more. */
  readonly maySend: (row: ClaimedRow) => boolean
  /** Writes down that these are confirmed; with `isAll` every row in hand was. */
  readonly record: (confirmed: readonly Confirmed[], isAll: boolean) => Promise<void>
}

/** A row and when it was handed over. */
export interface Confirmed {
  readonly row: ClaimedRow
  readonly sentAt: number
}

/** What is left to write down after a round. */
export interface RoundEnd {
  readonly confirmed: number
  readonly refused: readonly Unconfirmed[]
  /** Handed over, with an unknown outcome. */
  readonly unknown: readonly Unconfirmed[]
}

interface Batch {
  left: number
  readonly confirmed: ClaimedRow[]
  readonly refused: Unconfirmed[]
  readonly settled: (batch: SentBatch) => void
}

interface Item extends Confirmed {
  readonly batch: Batch
  sentAt: number
}

/** A round ends then, so that what it held back has its turn: rows that somebody was cancelling. */
const LONGEST_MS = 1_000
const NOTHING: Item[] = []

/**
 * Sends the outbox, its oldest rows first, with a window of unconfirmed messages that slides: rows
 * are claimed before the window needs them and marked as their confirms come, while others are under way.
 * At most one message of a key is unconfirmed. After the first that is not confirmed nothing more is
 * handed over: what is in hand behind it goes back, and the next round begins with the oldest. So a key
 * never overtakes itself, and when a round has ended the broker has answered for everything.
 */
export class SendingRound {
  readonly #parts: RoundParts
  /** Claimed and not looked at yet, oldest first; those before `#next` are under way or settled. */
  #queue: Item[] = []
  #next = 0
  /** The keys with an unconfirmed message, and what waits behind it. */
  readonly #behind = new Map<string, Item[]>()
  #unsent = 0
  #inFlight = 0
  #confirmed: Item[] = []
  /** Also those being recorded. */
  #unrecorded = 0
  #confirmedInAll = 0
  readonly #refused: Unconfirmed[] = []
  readonly #unknown: Unconfirmed[] = []
  #isClaiming = true
  #isStopped = false
  readonly #errors: unknown[] = []
  readonly #waiting = new Set<() => void>()

  constructor(parts: RoundParts) {
    this.#parts = parts
  }

  /** Never rejects before the broker has answered: a row must not be in two rounds at once. */
  async run(): Promise<RoundEnd> {
    await Promise.all([this.#claimAhead(), this.#recordConfirmed()])
    await this.#until(() => this.#inFlight === 0)
    if (this.#errors.length > 0) throw this.#errors[0]
    return { confirmed: this.#confirmedInAll, refused: this.#refused, unknown: this.#unknown }
  }

  async #claimAhead(): Promise<void> {
    const { signal, claim } = this.#parts
    const endsAt = performance.now() + LONGEST_MS
    try {
      for (let isFull = true; isFull;) {
        await this.#until(() => this.#isStopped || this.#hasRoom)
        if (this.#isStopped || signal.aborted || performance.now() > endsAt) break
        const claimed = await claim()
        isFull = claimed.isFull
        this.#add(claimed)
      }
    } catch (error) {
      this.#fail(error)
    }
    this.#isClaiming = false
    this.#look()
  }

  /** What is in hand is bounded, also when the broker is faster than the database. */
  get #hasRoom(): boolean {
    const { window } = this.#parts
    return this.#unsent < window && this.#unrecorded < 2 * window
  }

  #add({ rows, settled }: Claimed): void {
    const batch: Batch = { left: rows.length, confirmed: [], refused: [], settled }
    if (rows.length === 0) return settled(batch)
    this.#queue = this.#queue.slice(this.#next)
    this.#next = 0
    for (const row of rows) this.#queue.push({ row, batch, sentAt: 0 })
    this.#unsent += rows.length
    if (this.#isStopped) this.#giveUp()
    else this.#fill()
  }

  #fill(): void {
    while (this.#inFlight < this.#parts.window && this.#next < this.#queue.length) {
      const item = this.#queue[this.#next] as Item
      this.#next += 1
      const behind = this.#behind.get(item.row.key)
      if (behind === undefined) this.#send(item, NOTHING)
      else if (behind === NOTHING) this.#behind.set(item.row.key, [item])
      else behind.push(item)
    }
  }

  #send(item: Item, behind: Item[]): void {
    const { publisher, maySend } = this.#parts
    const { row } = item
    this.#unsent -= 1
    this.#inFlight += 1
    this.#behind.set(row.key, behind)
    item.sentAt = performance.now()
    if (maySend(row) && publisher.offer(row, (error) => this.#answered(item, error))) return
    this.#inFlight -= 1
    this.#settle(item.batch)
    this.#giveUp()
  }

  #answered(item: Item, error: QueueError | undefined): void {
    this.#inFlight -= 1
    if (error === undefined) this.#confirm(item)
    else this.#trouble(item, error)
    this.#settle(item.batch)
    this.#look()
  }

  #confirm(item: Item): void {
    this.#confirmed.push(item)
    this.#unrecorded += 1
    item.batch.confirmed.push(item.row)
    const behind = this.#behind.get(item.row.key) ?? NOTHING
    const following = behind.shift()
    if (following === undefined) this.#behind.delete(item.row.key)
    else this.#send(following, behind)
    this.#fill()
  }

  #trouble({ row, batch }: Item, error: QueueError): void {
    const fate = fateOf(error)
    if (fate === 'refused') {
      this.#refused.push({ row, error })
      batch.refused.push({ row, error })
    } else if (fate === 'unknown') this.#unknown.push({ row, error })
    this.#giveUp()
  }

  #settle(batch: Batch): void {
    batch.left -= 1
    if (batch.left === 0) batch.settled(batch)
  }

  #fail(error: unknown): void {
    this.#errors.push(error)
    this.#giveUp()
    this.#look()
  }

  /** Nothing more is handed over. Rows that were not go back as they are. */
  #giveUp(): void {
    this.#isStopped = true
    const left = [...this.#queue.slice(this.#next), ...[...this.#behind.values()].flat()]
    this.#queue = []
    this.#next = 0
    this.#behind.clear()
    this.#unsent = 0
    for (const { batch } of left) this.#settle(batch)
  }

  get #isDrained(): boolean {
    return !this.#isClaiming && this.#inFlight === 0 && this.#unsent === 0
  }

  /** Many at a time, as a statement costs what it costs. */
  async #recordConfirmed(): Promise<void> {
    const enough = Math.ceil(this.#parts.window / 2)
    try {
      for (;;) {
        await this.#until(() => this.#isDrained || this.#confirmed.length >= enough)
        const rows = this.#confirmed
        this.#confirmed = []
        const isLast = this.#isDrained
        if (rows.length > 0) {
          const troubles = this.#refused.length + this.#unknown.length + this.#errors.length
          await this.#parts.record(rows, isLast && troubles === 0)
          this.#confirmedInAll += rows.length
          this.#unrecorded -= rows.length
          this.#look()
        }
        if (isLast) return
      }
    } catch (error) {
      this.#fail(error)
    }
  }

  async #until(isSo: () => boolean): Promise<void> {
    while (!isSo()) {
      await new Promise<void>((resolve) => {
        const look = (): void => {
          if (!isSo()) return
          this.#waiting.delete(look)
          resolve()
        }
        this.#waiting.add(look)
      })
    }
  }

  #look(): void {
    for (const look of this.#waiting) look()
  }
}

function fateOf(error: QueueError): 'unsent' | 'refused' | 'unknown' {
  switch (error.code) {
    case 'QUEUE_UNROUTABLE':
    case 'QUEUE_NACKED':
    case 'QUEUE_TOO_LARGE':
      return 'refused'
    case 'QUEUE_BROKER_UNAVAILABLE':
    case 'QUEUE_CLOSED':
      return 'unsent'
    case 'QUEUE_BLOCKED':
      return error instanceof BlockedError && !error.handedOver ? 'unsent' : 'unknown'
    default:
      return 'unknown'
  }
}
