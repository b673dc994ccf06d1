/*
 * Goal: what JavaScript can hand over by mistake is refused by name, before the database is asked;
 * never taken for "nothing to see", and never a raw TypeError. Method: garbage for every such option.
 */
import { generateKeyPairSync, randomUUID } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import {
  type Checkpoint,
  type CheckpointSigner,
  createLedger,
  ed25519Signer,
  type Executor,
  minor,
  verifyExport,
} from '../src/index.ts'

const db = new Proxy({} as Executor, {
  get(_, property) {
    throw new Error(`the database was touched: ${String(property)}`)
  },
})
const ledger = createLedger()
const invalid = { name: 'LedgerError', code: 'LEDGER_INVALID_OPTION' }
const bare: unknown = Object.create(null)
const checkpoint: Checkpoint = {
  no: 1,
  transfers: 1,
  root: '1'.repeat(64),
  previousRoot: '0'.repeat(64),
  createdAtMicros: 1,
  signatures: [],
}

/** What the work throws, at once or later. */
async function faultOf(work: () => unknown): Promise<unknown> {
  try {
    return { answered: await work() }
  } catch (error) {
    return error
  }
}

describe('a place to go on from', () => {
  test.each(['x', '1', Number.NaN, -1, 1.5, Infinity, null, {}, [], true, 1n, bare, Symbol('x')])(
    'is refused as garbage: %o',
    async (garbage) => {
      const after = garbage as number
      expect(
        await faultOf(() => ledger.exportNdjson(db, { after })[Symbol.asyncIterator]().next()),
      ).toMatchObject(invalid)
      expect(await faultOf(() => ledger.checkpoints(db, { after }))).toMatchObject(invalid)
      expect(await faultOf(() => ledger.checkpoints(db, { limit: after }))).toMatchObject(invalid)
      expect(await faultOf(() => ledger.verifyCheckpoints(db, { after }))).toMatchObject(invalid)
      expect(await faultOf(() => ledger.verifyCheckpoints(db, { limit: after }))).toMatchObject(
        invalid,
      )
      expect(
        await faultOf(() => ledger.sealedPeriods(db, { after: garbage as Date })),
      ).toMatchObject(invalid)
      expect(await faultOf(() => ledger.sealedPeriods(db, { limit: after }))).toMatchObject(invalid)
    },
  )

  test('is refused as a date that is none', async () => {
    const after = new Date(Number.NaN)
    expect(await faultOf(() => ledger.sealedPeriods(db, { after }))).toMatchObject(invalid)
  })
})

describe('what was kept elsewhere', () => {
  test.each([null, 5, 'x', {}, bare, { ...checkpoint, no: '1' }, { ...checkpoint, root: null }])(
    'is refused when it is no checkpoint: %o',
    async (garbage) => {
      expect(
        await faultOf(() => verifyExport([], { previous: garbage as Checkpoint })),
      ).toMatchObject(invalid)
      expect(
        await faultOf(() => ledger.verifyCheckpoints(db, { witnesses: [garbage as Checkpoint] })),
      ).toMatchObject(invalid)
      expect(
        await faultOf(() => ledger.verifyCheckpoints(db, { witnesses: garbage as Checkpoint[] })),
      ).toMatchObject(invalid)
    },
  )

  test('an empty export is clean, and says that it has no checkpoint', async () => {
    const empty = { clean: true, findings: [], checkpoints: 0, transfers: 0 }
    expect(await verifyExport([])).toEqual({ ...empty, last: null })
    expect(await verifyExport([], { previous: checkpoint })).toEqual({ ...empty, last: checkpoint })
  })
})

describe('keys', () => {
  test.each([null, 5, 'x', true])('%o are no public keys', async (garbage) => {
    const publicKeys = garbage as never
    expect(await faultOf(() => verifyExport([], { publicKeys }))).toMatchObject(invalid)
    expect(await faultOf(() => ledger.verifyCheckpoints(db, { publicKeys }))).toMatchObject(invalid)
  })

  test.each([null, 5, 'x', {}, bare, { keyId: 'a' }, { keyId: 1n, sign: () => null }])(
    '%o is no signer, and nothing is sealed',
    async (garbage) => {
      const signer = garbage as CheckpointSigner
      expect(await faultOf(() => ledger.checkpoint(db, { signer }))).toMatchObject(invalid)
      expect(await faultOf(() => ledger.signCheckpoint(db, { checkpoint, signer }))).toMatchObject(
        invalid,
      )
    },
  )

  test.each([
    null,
    {},
    { keyId: 'a' },
    { keyId: 'a', privateKey: null },
    { keyId: bare, privateKey: generateKeyPairSync('ed25519').privateKey },
  ])('%o makes no signer', async (options) => {
    expect(await faultOf(() => ed25519Signer(options as never))).toMatchObject(invalid)
  })
})

describe('a request', () => {
  const verbs: Record<string, (request: never) => unknown> = {
    transfer: (request) => ledger.transfer(db, request),
    hold: (request) => ledger.hold(db, request),
    capture: (request) => ledger.capture(db, request),
    release: (request) => ledger.release(db, request),
    reverse: (request) => ledger.reverse(db, request),
    journal: (request) => ledger.journal(db, request),
    create: (request) => ledger.accounts.create(db, request),
    freeze: (request) => ledger.accounts.freeze(db, request),
    unfreeze: (request) => ledger.accounts.unfreeze(db, request),
    setLimits: (request) => ledger.accounts.setLimits(db, request),
    close: (request) => ledger.accounts.close(db, request),
    history: (request) => ledger.accounts.history(db, request),
  }
  test.each(Object.entries(verbs))('of %s is an object', async (verb, call) => {
    const message = expect.stringContaining(`${verb} takes an object`) as string
    for (const garbage of [null, undefined, 5, 1n, 'x', true, Symbol('x')]) {
      const called = (async () => call(garbage as never))()
      await expect(called).rejects.toMatchObject({ ...invalid, message })
    }
  })

  test.each([1n, bare, Symbol('x'), { toString: null }])(
    'is answered whatever has to be shown of it: %o',
    async (garbage) => {
      const ids = { id: randomUUID(), debitAccountId: randomUUID(), creditAccountId: randomUUID() }
      const onReject = garbage as 'record'
      const request = { ...ids, amountMinor: 1n, currency: 'USD', onReject }
      expect(await faultOf(() => ledger.transfer(db, request))).toMatchObject(invalid)
      expect(await faultOf(() => createLedger({ schema: garbage as string }))).toMatchObject(
        invalid,
      )
      expect(
        await faultOf(() =>
          minor(garbage as string, garbage === 1n ? (5 as never) : (garbage as 1n)),
        ),
      ).toMatchObject(invalid)
    },
  )
})
