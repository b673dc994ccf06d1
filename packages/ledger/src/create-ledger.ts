import {
  decodeAccount,
  decodeAccountResult,
  decodeBalance,
  decodeEntries,
  decodeHoldResult,
  decodeLookup,
  decodeReleaseResult,
  decodeTransferResult,
  decodeTrialBalance,
  decodeVerification,
} from './decode.ts'
import { LedgerError } from './errors.ts'
import type { EntriesQuery, Executor, Ledger, LedgerAccounts, LedgerOptions } from './ledger.ts'
import type { EntryPage } from './records.ts'
import { schemaName } from './schema-name.ts'
import { type Calls, callsOf } from './sql/calls.ts'
import { read, write } from './statement.ts'
import {
  isUuid,
  metadataText,
  refuseAccount,
  refuseCapture,
  refuseHold,
  refuseRelease,
  refuseTransfer,
} from './validate.ts'

const ENTRIES_MAX = 1_000
const EXPIRE_MAX = 10_000
const FINDINGS_MAX = 10_000

/**
 * A ledger in a schema of your database. It holds no connection and no state: create as many as you
 * like.
 *
 * @throws {@link LedgerError} with code `LEDGER_INVALID_OPTION` when the schema's name is not
 * plain.
 */
export function createLedger(options: LedgerOptions = {}): Ledger {
  const schema = schemaName(options.schema)
  const calls = callsOf(schema)
  return {
    schema,
    accounts: accountsOf(calls),
    ...movesOf(calls),
    ...readsOf(calls),
  }
}

function accountsOf(calls: Calls): LedgerAccounts {
  return {
    async create(db, a) {
      const refusal = refuseAccount(a)
      if (refusal !== null) return refusal
      const limits = [a.floorMinor ?? null, a.ceilingMinor ?? null]
      const parameters = [a.id, a.currency, a.kind, ...limits, metadataText(a.metadata)]
      return write(db, a.id, calls.createAccount, parameters, decodeAccountResult)
    },
    async get(db, id) {
      if (!isUuid(id)) return null
      return read(db, calls.getAccount, [id], (json) =>
        json === null ? null : decodeAccount(json as object),
      )
    },
  }
}

type Moves = Pick<Ledger, 'transfer' | 'hold' | 'capture' | 'release' | 'expireHolds'>

function movesOf(calls: Calls): Moves {
  return {
    async transfer(db, t) {
      const refusal = refuseTransfer(t)
      if (refusal !== null) return refusal
      const what = [t.amountMinor, t.currency, t.code ?? null, metadataText(t.metadata)]
      const parameters = [t.id, t.debitAccountId, t.creditAccountId, ...what]
      return write(db, t.id, calls.transfer, parameters, decodeTransferResult)
    },
    async hold(db, h) {
      const refusal = refuseHold(h)
      if (refusal !== null) return refusal
      const what = [h.amountMinor, h.currency, h.code ?? null, metadataText(h.metadata)]
      const parameters = [h.id, h.debitAccountId, h.creditAccountId, ...what, h.expiresInMs ?? null]
      return write(db, h.id, calls.hold, parameters, decodeHoldResult)
    },
    async capture(db, c) {
      const refusal = refuseCapture(c)
      if (refusal !== null) return refusal
      const id = c.id ?? c.holdId
      const final = c.final ?? c.amountMinor === undefined
      const parameters = [id, c.holdId, c.amountMinor ?? null, final]
      return write(db, id, calls.capture, parameters, decodeTransferResult)
    },
    async release(db, r) {
      const refusal = refuseRelease(r)
      if (refusal !== null) return refusal
      return write(db, r.holdId, calls.release, [r.holdId], decodeReleaseResult)
    },
    async expireHolds(db, options = {}) {
      const limit = within('limit', options.limit ?? EXPIRE_MAX / 10, EXPIRE_MAX)
      return read(db, calls.expireHolds, [limit], (json) => json as { expired: number })
    },
  }
}

type Reads = Pick<Ledger, 'lookup' | 'balance' | 'entries' | 'trialBalance' | 'verify'>

function readsOf(calls: Calls): Reads {
  return {
    async lookup(db, id) {
      return isUuid(id) ? read(db, calls.lookup, [id], decodeLookup) : null
    },
    async balance(db, accountId) {
      return isUuid(accountId) ? read(db, calls.balance, [accountId], decodeBalance) : null
    },
    entries: (db, query) => readEntries(db, calls, query),
    async trialBalance(db) {
      return read(db, calls.trialBalance, [], decodeTrialBalance)
    },
    async verify(db, options = {}) {
      const findingsMax = within('findingsMax', options.findingsMax ?? 100, FINDINGS_MAX)
      return read(db, calls.verify, [findingsMax], decodeVerification)
    },
  }
}

async function readEntries(db: Executor, calls: Calls, query: EntriesQuery): Promise<EntryPage> {
  const limit = within('limit', query.limit, ENTRIES_MAX)
  const after = query.after ?? null
  if (after !== null && typeof after !== 'bigint') {
    throw new LedgerError('LEDGER_INVALID_OPTION', 'after must be the bigint seq of an entry')
  }
  if (!isUuid(query.accountId)) return { entries: [], next: null }
  const newestFirst = query.order === 'newest_first'
  // One row more than asked for tells whether there is a next page.
  const parameters = [query.accountId, after, limit + 1, newestFirst]
  const found = await read(db, calls.entries, parameters, decodeEntries)
  const entries = found.slice(0, limit)
  return { entries, next: found.length > limit ? (entries.at(-1)?.seq ?? null) : null }
}

function within(name: string, value: number, max: number): number {
  if (Number.isSafeInteger(value) && value >= 1 && value <= max) return value
  const message = `${name} must be a whole number from 1 to ${max}: ${String(value)}`
  throw new LedgerError('LEDGER_INVALID_OPTION', message)
}
