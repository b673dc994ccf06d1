/*
 * Goal: `verify` finds nothing in a sound ledger, and finds the same in one run or in many, holding
 * no snapshot between its batches. What it finds is in tampering.integration.test.ts.
 */
import { randomUUID } from 'node:crypto'
import { createTestDatabase } from '@payflow/testkit'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Executor, Finding, Verification } from '../src/index.ts'
import { type Books, openBooks, where } from './support/books.ts'
import { movement, times } from './support/fixture.ts'

let books: Books
let ids: readonly string[]
beforeAll(async () => {
  books = await openBooks()
  const { fx, from, to } = books
  await fx.ledger.release(fx.db, { holdId: randomUUID() })
  ids = times(25, () => randomUUID())
  for (const id of ids) await fx.ledger.transfer(fx.db, { ...movement(from, to, 1n), id })
})
afterAll(() => books.fx.closeSound())

const CHECKED = { accounts: 5n, transfers: 37n, holds: 1n }

/** One batch a call, each call with what the one before it answered. */
async function inPieces(db: Executor, batchRows: number) {
  const { ledger } = books.fx
  const findings: Finding[] = []
  let last = await ledger.verify(db, { batchRows, signal: AbortSignal.abort() })
  while (!last.complete) {
    const stop = new AbortController()
    const onProgress = () => stop.abort()
    const { resume } = last
    last = await ledger.verify(db, { batchRows, resume, signal: stop.signal, onProgress })
    findings.push(...last.findings)
  }
  return { last, findings }
}

describe('verify', () => {
  test('finds nothing in a sound ledger, and counts what it looked at', async () => {
    expect(await books.fx.ledger.verify(books.fx.db)).toEqual({
      clean: true,
      complete: true,
      findings: [],
      found: 0,
      resume: null,
      checked: CHECKED,
    })
  })

  test('finds an account sound that is read in pieces of any size', async () => {
    for (const batchRows of [1, 2, 7, 29]) {
      const { last, findings } = await inPieces(books.fx.db, batchRows)
      expect([last.clean, findings, last.checked]).toEqual([true, [], CHECKED])
    }
  })

  test('LEDGER-26 finds the same in pieces of any size as in one run', async () => {
    const row = (n: number) => where(ids[n] as string)
    const statements = [
      `update ledger.transfer set code = 'x' ${row(3)}`,
      `update ledger.transfer set amount_minor = 2 ${row(9)}`,
      `delete from ledger.transfer ${row(14)}`,
      `delete from ledger.hold ${where(books.holdId)}`,
      `update ledger.account set seq = 5 ${where(books.to)}`,
    ]
    const text = (findings: readonly Finding[]) => findings.map((f) => JSON.stringify(f)).toSorted()
    await books.tampered(statements, async (trx) => {
      const whole = await books.fx.ledger.verify(trx)
      expect(whole.findings.length).toBeGreaterThan(8)
      for (const batchRows of [1, 2, 3, 5, 8, 13]) {
        const { last, findings } = await inPieces(trx, batchRows)
        expect(text(findings)).toEqual(text(whole.findings))
        expect([last.clean, last.found, last.checked]).toEqual([false, whole.found, whole.checked])
      }
    })
  })

  test('lists at most the findings asked for, and counts all', async () => {
    const remove = `delete from ledger.transfer ${where(books.transferId)}`
    const [all, some] = await books.tampered([remove], async (trx): Promise<Verification[]> => [
      await books.fx.ledger.verify(trx),
      await books.fx.ledger.verify(trx, { findingsMax: 2 }),
    ])
    expect(some?.findings).toHaveLength(2)
    expect([some?.clean, some?.found]).toEqual([false, all?.findings.length])
  })

  test('stops when its time is up, and tells where to go on', async () => {
    const { ledger, db } = books.fx
    const first = await ledger.verify(db, { batchRows: 1, budgetMs: 1 })
    expect([first.complete, typeof first.resume]).toEqual([false, 'string'])
    const rest = await ledger.verify(db, { resume: first.resume })
    expect([rest.complete, rest.resume, rest.checked]).toEqual([true, null, CHECKED])
  })

  test('refuses a place to go on from that it did not make', async () => {
    for (const resume of ['', 'x', Buffer.from('{"stage":99}').toString('base64url')]) {
      const refused = books.fx.ledger.verify(books.fx.db, { resume })
      await expect(refused).rejects.toMatchObject({ code: 'LEDGER_INVALID_OPTION' })
    }
  })

  test('LEDGER-27 holds no snapshot between its batches', async () => {
    await using watcher = await createTestDatabase()
    const snapshots = async () => {
      const { rows } = await watcher.pool.query<{ held: boolean }>(
        `select backend_xmin is not null or backend_xid is not null as held
         from pg_stat_activity where datname = $1 and backend_type = 'client backend'`,
        [books.fx.database.name],
      )
      return rows
    }
    let batches = 0
    await books.fx.ledger.verify(books.fx.db, {
      batchRows: 1,
      async onProgress() {
        batches += 1
        const sessions = await snapshots()
        expect(sessions.filter((session) => session.held)).toEqual([])
        expect(sessions.length).toBeGreaterThan(0)
      },
    })
    expect(batches).toBeGreaterThan(10)

    // The same look at a verification that shares one snapshot does see it.
    await books.fx.db
      .transaction()
      .setIsolationLevel('repeatable read')
      .execute(async (trx) => {
        let seen = 0
        const onProgress = async () => {
          seen += (await snapshots()).filter((session) => session.held).length
        }
        await books.fx.ledger.verify(trx, { onProgress })
        expect(seen).toBeGreaterThan(0)
      })
  })
})
