import { decodeAccount, decodeAccountChanges, decodeAccountResult } from './decode.ts'
import { LedgerError } from './errors.ts'
import type { Executor } from './executor.ts'
import type { AmountMinor } from './minor.ts'
import type { Busy, Conflict, Rejected, Unknown } from './outcomes.ts'
import type { Account, AccountChange, AccountKind, HotPolicy, Metadata } from './records.ts'
import { requireObject } from './require-object.ts'
import { call } from './sql/call.ts'
import { read, write } from './statement.ts'
import { isUuid, metadataText, refuseAccount, refuseChange, shardsOf } from './validate.ts'
import { oneOf, within } from './within.ts'

const HISTORY_MAX = 1_000
const INTEGER_MAX = 2_147_483_647
const SIDES = [true, false, undefined]

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
  /**
   * How it bears many movements at once; it cannot be changed later. An account through which a
   * great part of all money passes is `'sharded:16'`, say; limits make a sharded account lock all
   * its parts and lose what it gained.
   * @defaultValue `'exact'`
   */
  readonly hot?: HotPolicy
  readonly metadata?: Metadata | null
}

/** Answer of {@link LedgerAccounts.create}. */
export type AccountResult =
  | { readonly outcome: 'created' | 'replayed'; readonly account: Account }
  | Conflict<Account>
  | Rejected
  | Busy
  | Unknown

/** Request of {@link LedgerAccounts.freeze} and {@link LedgerAccounts.unfreeze}. */
export interface FreezeInput {
  readonly id: string
  /** @defaultValue both directions, when neither is given */
  readonly debits?: boolean
  readonly credits?: boolean
  /** Kept in the account's history: at most 1,000 characters. */
  readonly reason?: string | null
}

/** Request of {@link LedgerAccounts.setLimits}. A limit that is left out stays as it is. */
export interface LimitsInput {
  readonly id: string
  /** Lowest balance that may be left, of any sign; null: no floor. */
  readonly floorMinor?: bigint | null
  /** Highest balance that may be left; null: no ceiling. */
  readonly ceilingMinor?: bigint | null
  /** Kept in the account's history: at most 1,000 characters. */
  readonly reason?: string | null
}

/** Request of {@link LedgerAccounts.close}. */
export interface CloseInput {
  readonly id: string
  /** Kept in the account's history: at most 1,000 characters. */
  readonly reason?: string | null
}

/** Request of {@link LedgerAccounts.history}. */
export interface HistoryQuery {
  readonly id: string
  /**
   * `no` of the last line seen.
   * @defaultValue `0`
   */
  readonly after?: number
  /**
   * 1 … 1,000.
   * @defaultValue `1_000`
   */
  readonly limit?: number
}

/**
 * Answer of a change. `created`: it was made now. `replayed`: the account was so already, and its
 * history got no line. So the same call is safe at any time.
 */
export type AccountChangeResult =
  | { readonly outcome: 'created' | 'replayed'; readonly account: Account }
  | Rejected
  | Busy
  | Unknown

/**
 * Accounts of a ledger. A change waits for the movements that are under way on the account, and
 * every movement that comes after it sees it.
 */
export interface LedgerAccounts {
  /**
   * Creates an account with balance 0. The same id and fields replay, also after its limits have
   * been changed; other fields conflict.
   */
  create<C extends string>(db: Executor, account: AccountInput<C>): Promise<AccountResult>
  /** The account, or null. */
  get(db: Executor, id: string): Promise<Account | null>
  /**
   * Blocks debits, credits or both: transfers, holds, captures and reversals in that direction are
   * `account_frozen`. What is reserved stays reserved and can be released. What is not named stays
   * as it is.
   *
   * @throws {@link LedgerError} with code `LEDGER_INVALID_OPTION` when no direction is named.
   */
  freeze(db: Executor, input: FreezeInput): Promise<AccountChangeResult>
  /** Lets debits, credits or both pass again. */
  unfreeze(db: Executor, input: FreezeInput): Promise<AccountChangeResult>
  /**
   * Gives the account other limits, which what it holds now must be within: else
   * `insufficient_funds` (the available balance is below the floor) or `limit_exceeded` (the balance
   * with all holds to come in is above the ceiling). A floor above the ceiling is `limits_invalid`.
   */
  setLimits(db: Executor, input: LimitsInput): Promise<AccountChangeResult>
  /**
   * Closes an empty account for ever: every later movement is `account_closed`. Refused as
   * `holds_open` while money is reserved on it, and as `balance_not_zero`. Holds that are past their
   * time are settled first, up to 1,000 of them a call.
   */
  close(db: Executor, input: CloseInput): Promise<AccountChangeResult>
  /** What was decided about an account, in order; nothing for an unknown one. */
  history(db: Executor, query: HistoryQuery): Promise<readonly AccountChange[]>
}

/** The verbs of {@link LedgerAccounts} on a schema. */
export function accountsOf(s: string): LedgerAccounts {
  const limits = ['bigint', 'bigint']
  const calls = {
    create: call(s, 'create_account', 'uuid', 'text', 'text', ...limits, 'jsonb', 'integer'),
    get: call(s, 'get_account', 'uuid'),
    freeze: call(s, 'freeze_account', 'uuid', 'boolean', 'boolean', 'boolean', 'text'),
    limits: call(s, 'set_limits', 'uuid', 'boolean', 'bigint', 'boolean', 'bigint', 'text'),
    close: call(s, 'close_account', 'uuid', 'text'),
    history: call(s, 'account_changes', 'uuid', 'integer', 'integer'),
  }
  const change = async (
    db: Executor,
    statement: string,
    input: CloseInput,
    what: readonly unknown[],
  ): Promise<AccountChangeResult> => {
    const refusal = refuseChange(input)
    if (refusal !== null) return refusal
    const parameters = [input.id, ...what, input.reason ?? null]
    return write(db, input.id, statement, parameters, decodeChangeResult)
  }
  return {
    async create(db, a) {
      const refusal = refuseAccount(requireObject('create', a))
      if (refusal !== null) return refusal
      const what = [a.floorMinor ?? null, a.ceilingMinor ?? null, metadataText(a.metadata)]
      const parameters = [a.id, a.currency, a.kind, ...what, shardsOf(a.hot)]
      return write(db, a.id, calls.create, parameters, decodeAccountResult)
    },
    async get(db, id) {
      if (!isUuid(id)) return null
      return read(db, calls.get, [id], (json) =>
        json === null ? null : decodeAccount(json as object),
      )
    },
    freeze: async (db, input) =>
      change(db, calls.freeze, input, [...directions(requireObject('freeze', input)), true]),
    unfreeze: async (db, input) =>
      change(db, calls.freeze, input, [...directions(requireObject('unfreeze', input)), false]),
    async setLimits(db, input) {
      const { floorMinor, ceilingMinor } = requireObject('setLimits', input)
      const floor = [floorMinor !== undefined, floorMinor ?? null]
      const ceiling = [ceilingMinor !== undefined, ceilingMinor ?? null]
      return change(db, calls.limits, input, [...floor, ...ceiling])
    },
    close: async (db, input) => change(db, calls.close, requireObject('close', input), []),
    history: async (db, query) => readHistory(db, calls.history, requireObject('history', query)),
  }
}

const decodeChangeResult = (value: unknown): AccountChangeResult =>
  decodeAccountResult(value) as AccountChangeResult

/** Debits, credits: those that are named, or both. */
function directions({ debits, credits }: FreezeInput): readonly [boolean, boolean] {
  oneOf('debits', debits, SIDES)
  oneOf('credits', credits, SIDES)
  if (debits === undefined && credits === undefined) return [true, true]
  if (debits === true || credits === true) return [debits === true, credits === true]
  const message =
    'Name the direction to freeze or unfreeze: debits: true, credits: true, or neither'
  throw new LedgerError('LEDGER_INVALID_OPTION', message)
}

async function readHistory(
  db: Executor,
  statement: string,
  query: HistoryQuery,
): Promise<readonly AccountChange[]> {
  const limit = within('limit', query.limit ?? HISTORY_MAX, HISTORY_MAX)
  const after = query.after ?? 0
  if (after !== 0) within('after', after, INTEGER_MAX)
  if (!isUuid(query.id)) return []
  return read(db, statement, [query.id, after, limit], decodeAccountChanges)
}
