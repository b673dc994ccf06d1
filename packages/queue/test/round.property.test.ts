// A relay's round against a model: arbitrary keys, confirms that come in any order, negative confirms,
// confirms that never come, a channel that dies with a window full of messages, a database that fails,
// rows that come to light late (their commit, their partition, the end of their wait), rows that were lost
// to another relay meanwhile.
// Whatever happens, a key never overtakes itself, and in the end every row was confirmed and marked.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ConfirmLostError, NackedError } from '../src/errors.ts'
import type { QueueError } from '../src/errors.ts'
import { SendingRound } from '../src/outbox/round.ts'
import type { Claimed, Confirmed } from '../src/outbox/round.ts'
import type { ClaimedRow } from '../src/postgres/claim-batch.ts'

/** What becomes of one message at the broker. */
type Fate =
  | { readonly kind: 'confirmed'; readonly turns: number }
  | { readonly kind: 'nacked'; readonly turns: number }
  /** The channel dies with all that is unconfirmed; this one may have arrived. */
  | { readonly kind: 'cut'; readonly arrives: boolean }
  | { readonly kind: 'not taken' }
  | { readonly kind: 'lease lost' }

const fateArb: fc.Arbitrary<Fate> = fc.oneof(
  { weight: 12, arbitrary: fc.record({ kind: fc.constant('confirmed'), turns: fc.nat(5) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('nacked'), turns: fc.nat(5) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('cut'), arrives: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('not taken') }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('lease lost') }) },
) as fc.Arbitrary<Fate>

/** How writing down what was confirmed goes. */
type Mark = 'goes well' | 'fails' | 'loses one'

interface Outstanding {
  readonly row: ClaimedRow
  readonly end: (error?: QueueError) => void
}

/** An outbox, a broker, and who fails when. */
class Model {
  readonly marked = new Set<string>()
  /** What reached the broker, with the doubles. */
  readonly arrived: ClaimedRow[] = []
  readonly wrong: string[] = []
  readonly #rows: readonly ClaimedRow[]
  readonly #fates: Fate[]
  readonly #marks: Mark[]
  /** By row: the claim that is the first to see it. Within a key the order is that of the rows. */
  readonly #visibleAt: readonly number[]
  #inHand = new Set<string>()
  #claims = 0
  readonly #window: number
  readonly #outstanding = new Set<Outstanding>()
  #isOpen = true

  constructor(
    keys: readonly (readonly [key: string, visibleAt: number])[],
    fates: readonly Fate[],
    marks: readonly Mark[],
    window: number,
  ) {
    this.#rows = keys.map(([key], index) => row(key, index + 1))
    this.#visibleAt = keys.map(([key], index) =>
      Math.max(...keys.slice(0, index + 1).map(([other, at]) => (other === key ? at : 0))),
    )
    this.#fates = [...fates]
    this.#marks = [...marks]
    this.#window = window
  }

  async run(): Promise<void> {
    for (let rounds = 0; this.marked.size < this.#rows.length; rounds += 1) {
      if (rounds > 500) throw new Error('It does not end')
      this.#isOpen = true
      this.#inHand = new Set()
      const round = new SendingRound({
        publisher: { offer: (outgoing, end) => this.#offer(outgoing as ClaimedRow, end) },
        window: this.#window,
        signal: new AbortController().signal,
        claim: async () => this.#claim(),
        maySend: () => this.#fates[0]?.kind !== 'lease lost' || this.#fates.shift() === undefined,
        record: async (confirmed) => this.#record(confirmed),
      })
      await round.run().catch(() => {})
      if (this.#outstanding.size > 0)
        this.wrong.push('a round ended before the broker had answered')
    }
  }

  async #claim(): Promise<Claimed> {
    await new Promise(setImmediate)
    this.#claims += 1
    const rows = this.#rows
      .filter((_, index) => (this.#visibleAt[index] as number) <= this.#claims)
      .filter(({ seq }) => !this.marked.has(seq) && !this.#inHand.has(seq))
      .slice(0, this.#window)
    for (const { seq } of rows) this.#inHand.add(seq)
    if (this.#inHand.size > 5 * this.#window) this.wrong.push('too many are in hand')
    const isFull = rows.length === this.#window
    return { rows, isFull, settled: () => {} }
  }

  async #record(confirmed: readonly Confirmed[]): Promise<void> {
    await new Promise(setImmediate)
    const mark = this.#marks.shift()
    if (mark === 'fails') throw new Error('The database is away')
    for (const { row } of mark === 'loses one' ? confirmed.slice(1) : confirmed) {
      this.marked.add(row.seq)
    }
    for (const { row } of confirmed) this.#inHand.delete(row.seq)
  }

  #offer(row: ClaimedRow, end: (error?: QueueError) => void): boolean {
    const fate = this.#fates.shift() ?? { kind: 'confirmed', turns: 0 }
    if (!this.#isOpen || fate.kind === 'not taken' || fate.kind === 'lease lost') return false
    const message: Outstanding = { row, end }
    for (const other of this.#outstanding) {
      if (other.row.key === row.key) this.wrong.push(`two of ${row.key} are unconfirmed`)
    }
    this.#outstanding.add(message)
    if (this.#outstanding.size > this.#window) this.wrong.push('the window is too wide')
    if (fate.kind === 'cut') setImmediate(() => this.#cut(message, fate.arrives))
    else void this.#answer(message, fate.kind, fate.turns)
    return true
  }

  async #answer(message: Outstanding, kind: 'confirmed' | 'nacked', turns: number): Promise<void> {
    for (let turn = 0; turn <= turns; turn += 1) await new Promise(setImmediate)
    if (!this.#outstanding.delete(message)) return
    if (kind === 'confirmed') this.#arrive(message.row)
    message.end(kind === 'confirmed' ? undefined : new NackedError(message.row.messageId))
  }

  #cut(message: Outstanding, arrives: boolean): void {
    if (!this.#outstanding.has(message)) return
    if (arrives) this.#arrive(message.row)
    this.#isOpen = false
    for (const other of this.#outstanding) {
      this.#outstanding.delete(other)
      other.end(new ConfirmLostError(other.row.messageId, new Error('cut')))
    }
  }

  /** A row may arrive again, but not before every earlier one of its key has arrived. */
  #arrive(row: ClaimedRow): void {
    this.arrived.push(row)
    const arrived = new Set(this.arrived.map(({ seq }) => seq))
    const missing = this.#rows.find(
      ({ key, seq }) => key === row.key && Number(seq) < Number(row.seq) && !arrived.has(seq),
    )
    if (missing !== undefined) this.wrong.push(`${row.seq} of ${row.key} overtook ${missing.seq}`)
  }
}

function row(key: string, seq: number): ClaimedRow {
  return {
    seq: String(seq),
    messageId: `m-${seq}`,
    key,
    type: 't',
    partition: 0,
    epoch: '1',
    exchange: '',
    routingKey: 'q',
    headers: {},
    body: Buffer.alloc(0),
    attempts: 0,
  }
}

describe('SendingRound', () => {
  it('QUEUE-19 keeps every key in order and loses nothing, whatever the broker answers', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.constantFrom('a', 'b', 'c', 'd', 'e'), fc.nat(12)), { maxLength: 40 }),
        fc.array(fateArb, { maxLength: 80 }),
        fc.array(fc.constantFrom<Mark>('goes well', 'fails', 'loses one'), { maxLength: 8 }),
        fc.integer({ min: 1, max: 12 }),
        async (keys, fates, marks, window) => {
          const model = new Model(keys, fates, marks, window)
          await model.run()
          expect(model.wrong).toEqual([])
          expect(new Set(model.arrived.map(({ seq }) => seq))).toEqual(model.marked)
        },
      ),
      { numRuns: 300 },
    )
  })
})
