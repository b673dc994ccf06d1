import { waitFor } from '@payflow/testkit'
import type { Executor } from '../../../src/index.ts'
import type { Model } from '../model/model.ts'
import type { Answer } from '../model/refusal.ts'
import { isRead, type Request, type WriteRequest } from '../model/requests.ts'
import { difference, inModelWords, short } from './compare.ts'
import { type Drawn, SEALED_UNTIL } from './operations.ts'
import { Names } from './names.ts'
import { accountsOf, resolve } from './resolve.ts'
import { send } from './sender.ts'
import { type Lane, SHARED, type Stage } from './stage.ts'

/** The ledger did not do what the model does. */
export class Disagreement extends Error {
  override readonly name = 'Disagreement'
}

/**
 * One client, its own accounts, and the model that says what each answer must be. Other worlds have
 * other clients; they meet on shared accounts, whose locks they wait for.
 */
export class World {
  readonly stage: Stage
  readonly lane: Lane
  readonly names = new Names()
  model: Model
  readonly history: WriteRequest[] = []

  constructor(stage: Stage, lane: Lane) {
    this.stage = stage
    this.lane = lane
    this.model = stage.newModel()
    this.model.state.sealedUntil = SEALED_UNTIL
    const { neighbourhoods } = stage
    for (const [name, id] of neighbourhoods[lane.number % neighbourhoods.length] ?? []) {
      this.names.bind(name, id)
      const { kind, currency, shards } = SHARED[name] as (typeof SHARED)[string]
      this.model.add({ ...NO_LIMITS, name, currency, kind, shared: true, shards: shards ?? 0 })
    }
  }

  /** Own accounts, with money on them. */
  async open(): Promise<void> {
    for (const request of BEGINNING) {
      this.expectSame(this.model.apply(request), await this.ask(request), request)
    }
  }

  /** @param isUnordered - in a transaction that may lock the accounts that are kept for such */
  resolve(drawn: Drawn, isUnordered = false): Request {
    const request = resolve(drawn, this.model, this.history)
    if (isRead(request)) return request
    const accounts = accountsOf(this.model, [request])
    if (!isUnordered && (accounts.has('x') || accounts.has('y'))) {
      return { verb: 'balance', account: 'a0' }
    }
    this.history.push(request)
    return request
  }

  /** The plain case: asks once, and the answer is the model's. */
  async askAndCompare(request: WriteRequest, db: Executor = this.lane.db): Promise<void> {
    const expected = this.model.apply(request)
    this.stage.tally.outcome(expected)
    this.expectSame(expected, await this.ask(request, db), request)
    await this.waitForExpiry(request, db)
  }

  ask(request: Request, db: Executor = this.lane.db): Promise<unknown> {
    return send(this.stage.ledger, db, this.names, request)
  }

  expectSame(expected: unknown, said: unknown, request: Request): void {
    const words = inModelWords(said, this.names, this.model, request)
    const found = difference(expected, words)
    if (found !== null) throw this.disagreement(request, found)
  }

  /** Is this the answer that the model expects? */
  isSame(expected: Answer, said: unknown, request: Request): boolean {
    return difference(expected, inModelWords(said, this.names, this.model, request)) === null
  }

  disagreement(request: Request, found: string): Disagreement {
    return new Disagreement(`${found}\n  request: ${short(request)}`)
  }

  /**
   * A hold for a millisecond is over before anything else happens: time is PostgreSQL's. In a
   * serializable transaction a look may be what collides with a neighbour: `run` begins anew then,
   * if it is told.
   */
  async waitForExpiry(request: WriteRequest, db: Executor): Promise<void> {
    if (request.verb !== 'hold' || request.expires !== 'soon') return
    if (this.model.state.holds.get(request.id)?.state !== 'over') return
    const id = this.names.idOf(request.id)
    await waitFor(
      async () => {
        const found = await this.stage.ledger.lookup(db, id)
        return found?.kind === 'hold' && found.hold.state !== 'open'
      },
      {
        intervalMs: 1,
        timeoutMs: 60_000,
        errors: db.isTransaction ? 'end' : 'not yet',
        message: 'the expiry of a hold',
      },
    )
  }

  /** At the end: every account and every id is as the model has it. */
  async expectAgreement(): Promise<void> {
    const { state } = this.model
    for (const account of state.accounts.values()) {
      if (account.shared) continue
      const { name } = account
      const look = { verb: 'balance', account: name } as const
      this.expectSame(this.model.read(look), await this.ask(look, this.stage.side), look)
      if (account.shards > 0) continue
      const page = { after: null, limit: 1_000, newestFirst: false }
      const entries = { verb: 'entries', account: name, ...page } as const
      this.expectSame(this.model.read(entries), await this.ask(entries, this.stage.side), entries)
    }
    const ids = [...state.holds, ...state.journals, ...state.rejections].map(([id]) => id)
    for (const id of [...ids, ...state.tombstones]) {
      const look = { verb: 'lookup', id } as const
      this.expectSame(this.model.read(look), await this.ask(look, this.stage.side), look)
    }
  }
}

const NO_LIMITS = { floor: null, ceiling: null, shards: null, metadata: null }
const own = (account: string, rest: Partial<Request & { verb: 'open' }> = {}) =>
  ({ verb: 'open', account, currency: 'USD', kind: 'liability', ...NO_LIMITS, ...rest }) as const

const OPENING: readonly WriteRequest[] = [
  own('a0', { floor: 0n }),
  own('a1', { floor: 0n, metadata: { owner: 'one' } }),
  own('a2', { floor: -200n, ceiling: 250n }),
  own('a3', { kind: 'asset', floor: 0n, ceiling: 500n }),
  own('a4'),
  own('a5', { floor: 0n, ceiling: 120n }),
  own('s0', { floor: 0n, shards: 4 }),
  own('s1', { kind: 'asset', shards: 3 }),
  own('e0', { currency: 'EUR', floor: 0n }),
]

const fund = (id: string, debit: string, credit: string, amount: bigint, currency = 'USD') =>
  ({
    verb: 'transfer',
    id,
    debit,
    credit,
    amount,
    currency,
    code: null,
    metadata: null,
    effectiveAt: null,
    onReject: 'forget',
  }) as const

const FUNDING: readonly WriteRequest[] = [
  fund('f0', 'bank', 'a0', 300n),
  fund('f1', 'bank', 'a1', 300n),
  fund('f4', 'bank', 's0', 150n),
  fund('f2', 'a3', 'bank', 100n),
  fund('f3', 'euros', 'e0', 50n, 'EUR'),
]

/** What every world begins with: accounts of its own, and money on some of them. */
export const BEGINNING: readonly WriteRequest[] = [...OPENING, ...FUNDING]
