import { decodeAccount, decodeAccountResult } from './decode.ts'
import type { Executor } from './executor.ts'
import type { AmountMinor } from './minor.ts'
import type { Busy, Conflict, Rejected, Unknown } from './outcomes.ts'
import type { Account, AccountKind, Metadata } from './records.ts'
import { call } from './sql/call.ts'
import { read, write } from './statement.ts'
import { isUuid, metadataText, refuseAccount } from './validate.ts'

/** Request of {@link LedgerAccounts.create}. `C`: its currency, where the type knows it. */
export interface AccountInput<C extends string = string> {
  /** UUID, made and kept by the caller. */
  readonly id: string
  /** ISO 4217 code known to the ledger's currency table. */
  readonly currency: C
  readonly kind: AccountKind
  /**
   * Lowest balance that may be left, at most 0 (a new account has 0). A wallet has `0n`, a credit
   * line of 500 has `-500n`.
   * @defaultValue `null`: no floor
   */
  readonly floorMinor?: AmountMinor<NoInfer<C>> | null
  /**
   * Highest balance that may be left, at least 0.
   * @defaultValue `null`: no ceiling
   */
  readonly ceilingMinor?: AmountMinor<NoInfer<C>> | null
  readonly metadata?: Metadata | null
}

/** Answer of {@link LedgerAccounts.create}. */
export type AccountResult =
  | { readonly outcome: 'created' | 'replayed'; readonly account: Account }
  | Conflict<Account>
  | Rejected
  | Busy
  | Unknown

/** Accounts of a ledger. */
export interface LedgerAccounts {
  /** Creates an account with balance 0. The same id and fields replay; other fields conflict. */
  create<C extends string>(db: Executor, account: AccountInput<C>): Promise<AccountResult>
  /** The account, or null. */
  get(db: Executor, id: string): Promise<Account | null>
}

/** The verbs of {@link LedgerAccounts} on a schema. */
export function accountsOf(s: string): LedgerAccounts {
  const createAccount = call(
    s,
    'create_account',
    'uuid',
    'text',
    'text',
    'bigint',
    'bigint',
    'jsonb',
  )
  const getAccount = call(s, 'get_account', 'uuid')
  return {
    async create(db, a) {
      const refusal = refuseAccount(a)
      if (refusal !== null) return refusal
      const limits = [a.floorMinor ?? null, a.ceilingMinor ?? null]
      const parameters = [a.id, a.currency, a.kind, ...limits, metadataText(a.metadata)]
      return write(db, a.id, createAccount, parameters, decodeAccountResult)
    },
    async get(db, id) {
      if (!isUuid(id)) return null
      return read(db, getAccount, [id], (json) =>
        json === null ? null : decodeAccount(json as object),
      )
    },
  }
}
