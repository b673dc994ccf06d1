/*
 * Goal: the ledger answers every sequence of verbs as a page of arithmetic does, and no mixture of
 * clients at once makes or loses money. Method: fast-check draws the sequences; one client's are
 * compared answer by answer, several clients' by what must hold of any order. TEST_SEED replays a
 * run.
 */
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Fixture, openFixture, tally } from './support/fixture.ts'
import { Model, type Operation } from './support/model.ts'

const ACCOUNTS = 4
const IDS = 12
const FUNDS = 300n

const id = fc.integer({ min: 0, max: IDS - 1 })
const amount = fc.bigInt({ min: 1n, max: 200n })
const pair = fc
  .tuple(fc.nat({ max: ACCOUNTS - 1 }), fc.nat({ max: ACCOUNTS - 2 }))
  .map(([debit, step]) => ({ debit, credit: (debit + step + 1) % ACCOUNTS }))
const movement = fc
  .record({ verb: fc.constantFrom('transfer' as const, 'hold' as const), id, pair, amount })
  .map(({ pair: sides, ...rest }) => ({ ...rest, ...sides }))
const capture = fc.record({
  verb: fc.constant('capture' as const),
  id: fc.option(id, { freq: 3 }),
  holdId: id,
  amount: fc.option(amount),
  final: fc.boolean(),
})
const release = fc.record({ verb: fc.constant('release' as const), holdId: id })
const operation: fc.Arbitrary<Operation> = fc.oneof(
  { weight: 4, arbitrary: movement },
  { weight: 3, arbitrary: capture },
  { weight: 1, arbitrary: release },
)

let fx: Fixture
beforeAll(async () => {
  fx = await openFixture({ connectionsMax: 8 })
})
afterAll(() => fx.close())

/** Four wallets with funds, and the operations' small numbers as ids that no other run uses. */
async function world() {
  const wallets: string[] = []
  for (let i = 0; i < ACCOUNTS; i += 1) wallets.push(await fx.wallet(FUNDS))
  const ids = Array.from({ length: IDS }, () => crypto.randomUUID())
  const idOf = (n: number) => ids[n] as string
  return {
    wallets,
    run(o: Operation) {
      if (o.verb === 'release') return fx.ledger.release(fx.db, { holdId: idOf(o.holdId) })
      if (o.verb === 'capture') {
        return fx.ledger.capture(fx.db, {
          holdId: idOf(o.holdId),
          ...(o.id === null ? {} : { id: idOf(o.id) }),
          ...(o.amount === null ? {} : { amountMinor: o.amount, final: o.final }),
        })
      }
      return fx.ledger[o.verb](fx.db, {
        id: idOf(o.id),
        debitAccountId: wallets[o.debit] as string,
        creditAccountId: wallets[o.credit] as string,
        amountMinor: o.amount,
        currency: 'USD',
      })
    },
    balances: () => Promise.all(wallets.map((wallet) => fx.ledger.balance(fx.db, wallet))),
  }
}

describe('any sequence of verbs', () => {
  test('LEDGER-19 of one client is answered as the model answers it', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(operation, { minLength: 1, maxLength: 40 }), async (operations) => {
        const { run, balances } = await world()
        const account = { balance: FUNDS, reserved: 0n, floor: 0n }
        const model = new Model(Array.from({ length: ACCOUNTS }, () => account))
        for (const each of operations) {
          const expected = model.apply(each)
          expect(Object.keys(tally([await run(each)]))).toEqual([expected])
        }
        const found = await balances()
        expect(found.map((b) => [b?.balanceMinor, b?.availableMinor])).toEqual(
          model.accounts.map((a) => [a.balance, a.balance - a.reserved]),
        )
      }),
      { numRuns: 60 },
    )
    expect((await fx.ledger.verify(fx.db)).findings).toEqual([])
  })

  test('LEDGER-05 of several clients at once keeps every invariant', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(operation, { minLength: 5, maxLength: 25 }), {
          minLength: 4,
          maxLength: 8,
        }),
        async (clients) => {
          const { run, balances } = await world()
          const answers = await Promise.all(
            clients.map(async (operations) => {
              const results = []
              for (const each of operations) results.push(await run(each))
              return results
            }),
          )
          expect(tally(answers.flat())['busy: deadlock']).toBeUndefined()
          const found = await balances()
          const total = found.reduce((sum, b) => sum + (b?.balanceMinor ?? 0n), 0n)
          expect(total).toBe(FUNDS * BigInt(ACCOUNTS))
          for (const b of found) expect(b?.availableMinor).toBeGreaterThanOrEqual(0n)
        },
      ),
      // No shrinking: the order in which clients meet is not the seed's to repeat.
      { numRuns: 30, endOnFailure: true },
    )
    const { findings } = await fx.ledger.verify(fx.db)
    expect(findings).toEqual([])
    expect((await fx.ledger.trialBalance(fx.db)).balanced).toBe(true)
  })
})
