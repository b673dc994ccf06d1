import type { Executor, Ledger, TransferResult } from '../../../src/index.ts'
import type { Movement, Request, TransferRequest } from '../model/requests.ts'
import { EXPIRES_IN_MS } from '../model/views.ts'
import type { Names } from './names.ts'

const time = (ms: number | null) => (ms === null ? {} : { effectiveAt: new Date(ms) })

const movementInput = (names: Names, movement: Movement) => ({
  id: names.idOf(movement.id),
  debitAccountId: names.idOf(movement.debit),
  creditAccountId: names.idOf(movement.credit),
  amountMinor: movement.amount,
  currency: movement.currency,
  code: movement.code,
  metadata: movement.metadata,
})

const transferInput = (names: Names, request: TransferRequest) => ({
  ...movementInput(names, request),
  ...time(request.effectiveAt),
  onReject: request.onReject,
})

/** The results of many as one answer: with a fault for all, where one met a fault. */
function inOne(results: readonly TransferResult[]): unknown {
  const fault = results.find(({ outcome }) => outcome === 'unknown' || outcome === 'busy')
  return fault ?? { outcome: 'many', results }
}

/** Asks the ledger what the request says. */
export async function send(
  ledger: Ledger,
  db: Executor,
  names: Names,
  request: Request,
): Promise<unknown> {
  const id = (name: string) => names.idOf(name)
  switch (request.verb) {
    case 'transfer':
      return ledger.transfer(db, transferInput(names, request))
    case 'hold': {
      const expiresInMs = EXPIRES_IN_MS[request.expires]
      const { onReject } = request
      return ledger.hold(db, { ...movementInput(names, request), expiresInMs, onReject })
    }
    case 'many': {
      const items = request.items.map((item) => transferInput(names, item))
      const results = await ledger.transferMany(
        db,
        items,
        request.chunk === null ? {} : { chunk: request.chunk },
      )
      return inOne(results)
    }
    case 'batched': {
      const options = request.chunk === null ? {} : { itemsMax: request.chunk }
      await using batcher = ledger.batcher(db, options)
      const items = request.items.map((item) => batcher.transfer(transferInput(names, item)))
      return inOne(await Promise.all(items))
    }
    case 'journal':
      return ledger.journal(db, {
        id: id(request.id),
        transfers: request.legs.map((leg) => transferInput(names, leg)),
        code: request.code,
        metadata: request.metadata,
        ...time(request.effectiveAt),
      })
    case 'reverse':
      return ledger.reverse(db, {
        id: id(request.id),
        transferId: id(request.original),
        ...(request.amount === null ? {} : { amountMinor: request.amount }),
        code: request.code,
        metadata: request.metadata,
        ...time(request.effectiveAt),
      })
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
        ...(request.shards === null ? {} : { hot: `sharded:${request.shards}` }),
      })
    case 'freeze':
    case 'unfreeze': {
      const { sides } = request
      const both = sides === 'both' ? {} : { [sides]: true }
      return ledger.accounts[request.verb](db, { id: id(request.account), ...both })
    }
    case 'limits': {
      const { floor, ceiling } = request
      return ledger.accounts.setLimits(db, {
        id: id(request.account),
        ...(floor === undefined ? {} : { floorMinor: floor }),
        ...(ceiling === undefined ? {} : { ceilingMinor: ceiling }),
      })
    }
    case 'close':
      return ledger.accounts.close(db, { id: id(request.account) })
    case 'account':
      return ledger.accounts.get(db, id(request.account))
    case 'lookup':
      return ledger.lookup(db, id(request.id))
    case 'resolve':
      return ledger.resolve(db, { id: id(request.id) })
    case 'balance_at': {
      const query = { asOf: new Date(request.asOf), axis: 'effective' } as const
      return ledger.balance(db, id(request.account), query)
    }
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
