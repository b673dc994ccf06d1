import type { Executor, Ledger } from '../../../src/index.ts'
import type { Request } from '../model/requests.ts'
import { EXPIRES_IN_MS } from '../model/views.ts'
import type { Names } from './names.ts'

const time = (ms: number | null) => (ms === null ? {} : { effectiveAt: new Date(ms) })

/** Asks the ledger what the request says. */
export function send(
  ledger: Ledger,
  db: Executor,
  names: Names,
  request: Request,
): Promise<unknown> {
  const id = (name: string) => names.idOf(name)
  switch (request.verb) {
    case 'transfer':
    case 'hold': {
      const movement = {
        id: id(request.id),
        debitAccountId: id(request.debit),
        creditAccountId: id(request.credit),
        amountMinor: request.amount,
        currency: request.currency,
        code: request.code,
        metadata: request.metadata,
      }
      if (request.verb === 'transfer') {
        return ledger.transfer(db, { ...movement, ...time(request.effectiveAt) })
      }
      return ledger.hold(db, { ...movement, expiresInMs: EXPIRES_IN_MS[request.expires] })
    }
    case 'capture':
      return ledger.capture(db, {
        holdId: id(request.hold),
        ...(request.id === null ? {} : { id: id(request.id) }),
        ...(request.amount === null ? {} : { amountMinor: request.amount }),
        ...(request.final === null ? {} : { final: request.final }),
        ...time(request.effectiveAt),
      })
    case 'release':
      return ledger.release(db, { holdId: id(request.hold) })
    case 'open':
      return ledger.accounts.create(db, {
        id: id(request.account),
        currency: request.currency,
        kind: request.kind,
        floorMinor: request.floor,
        ceilingMinor: request.ceiling,
        metadata: request.metadata,
      })
    case 'lookup':
      return ledger.lookup(db, id(request.id))
    case 'balance':
      return ledger.balance(db, id(request.account))
    case 'entries':
      return ledger.entries(db, {
        accountId: id(request.account),
        after: request.after,
        limit: request.limit,
        order: request.newestFirst ? 'newest_first' : 'oldest_first',
      })
  }
}
