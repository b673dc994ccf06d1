import { changeAccount, newAccount, type NewAccount, openAccount } from './accounts.ts'
import { journal } from './groups.ts'
import { capture, hold, release, reverse, transfer } from './moves.ts'
import { read } from './reads.ts'
import type { Answer } from './refusal.ts'
import type { ReadRequest, WriteRequest } from './requests.ts'
import { copyOf, emptyState, type State } from './state.ts'

/**
 * The ledger as a page of arithmetic: what each verb must answer, one after another, for one client.
 * It knows no locks, no SQL and no clock.
 */
export class Model {
  readonly state: State

  constructor(state: State = emptyState()) {
    this.state = state
  }

  copy(): this {
    return new (this.constructor as new (state: State) => this)(copyOf(this.state))
  }

  /** An account that is there from the start. */
  add(account: NewAccount): void {
    this.state.accounts.set(account.name, newAccount(account))
  }

  /** Does it, and says how the ledger must answer. */
  apply(request: WriteRequest): Answer {
    switch (request.verb) {
      case 'transfer':
        return transfer(this.state, request)
      case 'hold':
        return hold(this.state, request)
      case 'capture':
        return capture(this.state, request)
      case 'release':
        return release(this.state, request)
      case 'reverse':
        return reverse(this.state, request)
      case 'journal':
        return journal(this.state, request)
      case 'many':
      case 'batched':
        return { outcome: 'many', results: request.items.map((item) => this.apply(item)) }
      case 'open':
        return openAccount(this.state, request)
      default:
        return changeAccount(this.state, request)
    }
  }

  /** What a read must show now. */
  read(request: ReadRequest): unknown {
    return read(this.state, request)
  }
}
