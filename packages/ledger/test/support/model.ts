/*
 * The ledger as a page of arithmetic: what must be true of one operation after another. Holds have
 * no expiry here; ids are small numbers that the test turns into UUIDs.
 */

export type Operation =
  | {
      readonly verb: 'transfer' | 'hold'
      readonly id: number
      readonly debit: number
      readonly credit: number
      readonly amount: bigint
    }
  | {
      readonly verb: 'capture'
      readonly id: number | null
      readonly holdId: number
      readonly amount: bigint | null
      readonly final: boolean
    }
  | { readonly verb: 'release'; readonly holdId: number }

interface ModelHold {
  readonly operation: Operation & { verb: 'hold' }
  state: 'open' | 'captured' | 'released'
  captured: bigint
}

export interface ModelAccount {
  balance: bigint
  reserved: bigint
  readonly floor: bigint | null
}

export class Model {
  readonly accounts: ModelAccount[]
  readonly #posted = new Map<number, Operation | 'tombstone'>()
  readonly #holds = new Map<number, ModelHold | 'tombstone'>()

  constructor(accounts: readonly ModelAccount[]) {
    this.accounts = accounts.map((account) => ({ ...account }))
  }

  /** Does the operation and says how the ledger must answer: `created`, `rejected: reason` … */
  apply(operation: Operation): string {
    if (operation.verb === 'release') return this.#release(operation.holdId)
    if (operation.verb === 'capture') return this.#capture(operation)
    const known = this.#known(operation)
    if (known !== null) return known
    const debit = this.accounts[operation.debit] as ModelAccount
    const left = debit.balance - debit.reserved - operation.amount
    if (debit.floor !== null && left < debit.floor) return 'rejected: insufficient_funds'
    if (operation.verb === 'hold') {
      debit.reserved += operation.amount
      this.#holds.set(operation.id, {
        operation: { ...operation, verb: 'hold' },
        state: 'open',
        captured: 0n,
      })
    } else {
      this.#move(operation.debit, operation.credit, operation.amount)
      this.#posted.set(operation.id, operation)
    }
    return 'created'
  }

  #known(operation: Operation & { verb: 'transfer' | 'hold' }): string | null {
    const [posted, hold] = [this.#posted.get(operation.id), this.#holds.get(operation.id)]
    if (posted === 'tombstone' || hold === 'tombstone') return 'rejected: hold_released'
    if (operation.verb === 'hold' && hold !== undefined) {
      if (!same(hold.operation, operation)) return 'conflict'
      return hold.state === 'released' ? 'rejected: hold_released' : 'replayed'
    }
    if (posted !== undefined) return same(posted, operation) ? 'replayed' : 'conflict'
    return hold === undefined ? null : 'conflict'
  }

  #capture(operation: Operation & { verb: 'capture' }): string {
    const id = operation.id ?? operation.holdId
    const request = { ...operation, id, final: operation.final || operation.amount === null }
    const posted = this.#posted.get(id)
    if (posted === 'tombstone') return 'rejected: hold_released'
    if (posted !== undefined) return same(posted, request) ? 'replayed' : 'conflict'
    if (id !== operation.holdId && this.#holds.has(id)) return 'conflict'
    const hold = this.#holds.get(operation.holdId)
    if (hold === undefined) return 'rejected: hold_not_found'
    if (hold === 'tombstone' || hold.state === 'released') return 'rejected: hold_released'
    if (hold.state === 'captured') return 'rejected: already_captured'
    const remaining = hold.operation.amount - hold.captured
    const amount = operation.amount ?? remaining
    if (amount > remaining) return 'rejected: exceeds_hold'
    const debit = this.accounts[hold.operation.debit] as ModelAccount
    debit.reserved -= request.final ? remaining : amount
    this.#move(hold.operation.debit, hold.operation.credit, amount)
    hold.captured += amount
    if (request.final || amount === remaining) hold.state = 'captured'
    this.#posted.set(id, request)
    return 'created'
  }

  #release(id: number): string {
    const hold = this.#holds.get(id)
    if (hold === undefined) {
      const posted = this.#posted.get(id)
      if (posted !== undefined && posted !== 'tombstone') return 'rejected: already_captured'
      this.#posted.set(id, 'tombstone')
      this.#holds.set(id, 'tombstone')
      return 'created'
    }
    if (hold === 'tombstone' || hold.state === 'released') return 'replayed'
    if (hold.state === 'captured') return 'rejected: already_captured'
    hold.state = 'released'
    const debit = this.accounts[hold.operation.debit] as ModelAccount
    debit.reserved -= hold.operation.amount - hold.captured
    return 'created'
  }

  #move(debit: number, credit: number, amount: bigint): void {
    ;(this.accounts[debit] as ModelAccount).balance -= amount
    ;(this.accounts[credit] as ModelAccount).balance += amount
  }
}

const same = (one: Operation, other: Operation): boolean => text(one) === text(other)

const text = (operation: Operation): string =>
  JSON.stringify(
    Object.entries(operation).toSorted(([a], [b]) => (a < b ? -1 : 1)),
    (_, value: unknown) => (typeof value === 'bigint' ? `${value}n` : value),
  )
