/*
 * Goal: a checkpoint seals whole blocks while payments go on, makes nobody wait, and is signed only
 * when it stands. Method: checkpoints in a loop under load; locks held by a second connection.
 */
import { createPublicKey, generateKeyPairSync, verify } from 'node:crypto'
import { waitFor } from '@payflow/testkit'
import { sql } from 'kysely'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import {
  type Checkpoint,
  type CheckpointResult,
  type CheckpointSigner,
  ed25519Signer,
  LedgerError,
} from '../src/index.ts'
import { checkpointText, GENESIS_ROOT } from '../src/checkpoint-format.ts'
import { type Fixture, movement, openFixture, tally, times } from './support/fixture.ts'

const keys = generateKeyPairSync('ed25519')
const signer = ed25519Signer({ keyId: 'auditor-1', privateKey: keys.privateKey })

let fx: Fixture
let wallets: string[]

beforeEach(async () => {
  fx = await openFixture({ connectionsMax: 12 })
  wallets = await Promise.all(times(6, () => fx.wallet(1_000_000n)))
})
afterEach(() => fx.closeSound())

const [from, to] = [(n = 0) => wallets[n % 6] as string, (n = 0) => wallets[(n + 1) % 6] as string]

async function sealed(options: { signer?: CheckpointSigner } = {}): Promise<Checkpoint> {
  const result = await fx.ledger.checkpoint(fx.db, options)
  if (!('checkpoint' in result) || result.checkpoint === null) throw new Error(result.outcome)
  return result.checkpoint
}

/** Another id, whose movement needs no lock that the first one's transaction does not have. */
const idOnTheSamePart = (id: string): string =>
  movement(from(), to()).id.slice(0, -2) + id.slice(-2)

/** Rows whose two places lie in blocks of different numbers, or in none. */
async function rowsAstride(): Promise<readonly unknown[]> {
  const blockOf = (side: string) =>
    sql.raw(`(select min(l.checkpoint_no) from ledger.checkpoint_leaf l
    where l.account_id = t.${side}_id and l.shard = t.${side}_shard and l.seq >= t.${side}_seq)`)
  const { rows } = await sql`
    select * from (select t.id, ${blockOf('debit')} as debit_block, ${blockOf('credit')} as credit_block
      from ledger.transfer t where t.debit_seq is not null) placed
    where debit_block is distinct from credit_block or debit_block is null`.execute(fx.db)
  return rows
}

describe('checkpoint', () => {
  test('is made of what moved since the last one, and of nothing when nothing did', async () => {
    const first = await sealed()
    expect(first).toMatchObject({ no: 1, transfers: 6, previousRoot: GENESIS_ROOT, signatures: [] })
    expect(await fx.ledger.checkpoint(fx.db)).toEqual({ outcome: 'unchanged', checkpoint: first })
    await fx.ledger.transfer(fx.db, movement(from(), to()))
    await fx.ledger.hold(fx.db, movement(from(2), to(2))) // no row of the journal
    const second = await sealed()
    expect(second).toMatchObject({ no: 2, transfers: 7, previousRoot: first.root })
    expect(second.createdAtMicros).toBeGreaterThanOrEqual(first.createdAtMicros)
    const { rows } = await sql`select account_id, seq from ledger.checkpoint_leaf
      where checkpoint_no = 2 order by seq`.execute(fx.db)
    expect(rows).toHaveLength(2)
    expect(JSON.parse(JSON.stringify(second))).toEqual(second)
    expect(await fx.ledger.checkpoints(fx.db)).toEqual([first, second])
    expect(await fx.ledger.checkpoints(fx.db, { after: 1, limit: 1 })).toEqual([second])
  })

  test('of an empty ledger is none', async () => {
    const empty = await openFixture({ connectionsMax: 2 })
    const nothing = { outcome: 'unchanged', checkpoint: null }
    expect(await empty.ledger.checkpoint(empty.db, { signer })).toEqual(nothing)
    await empty.closeSound()
  })

  test('LEDGER-26 both sides of every row are in one block, however many are in flight', async () => {
    wallets[0] = await fx.account({ hot: 'sharded:4' })
    wallets[1] = await fx.wallet(1_000_000n, { hot: 'sharded:3' })
    let moving = true
    const runs: CheckpointResult[] = []
    const movers = times(6, async (n) => {
      for (let i = 0; i < 80; i += 1) {
        const request = movement(from(n + i), to(n + i * 3), 1n)
        if (request.debitAccountId === request.creditAccountId) continue
        if (i % 3 > 0) await fx.ledger.transfer(fx.db, request)
        // Two movements of one transaction, and a run between them that sees neither.
        else {
          await fx.db.transaction().execute(async (trx) => {
            await fx.ledger.transfer(trx, request)
            runs.push(await fx.ledger.checkpoint(fx.db))
            await fx.ledger.transfer(trx, { ...request, id: idOnTheSamePart(request.id) })
          })
        }
      }
    })
    const sealers = times(2, async () => {
      while (moving) runs.push(await fx.ledger.checkpoint(fx.db))
    })
    await Promise.all(movers).finally(() => (moving = false))
    await Promise.all(sealers)
    await fx.ledger.checkpoint(fx.db)
    expect(Object.keys(tally(runs)).toSorted()).toEqual(['created', 'unchanged'])
    expect(tally(runs)['created']).toBeGreaterThan(10)
    expect(await rowsAstride()).toEqual([])
    const all = await fx.ledger.checkpoints(fx.db, { limit: 1_000 })
    expect(all.map(({ no }) => no)).toEqual(times(all.length, (i) => i + 1))
    expect(all.at(-1)?.transfers).toBe(await fx.journalRows())
    expect(await fx.ledger.verifyCheckpoints(fx.db)).toMatchObject({
      clean: true,
      checkpoints: all.length,
    })
  })

  test('takes no lock that a payment waits for, nor waits for one', async () => {
    await fx.db.transaction().execute(async (trx) => {
      await fx.ledger.transfer(trx, movement(from(), to()))
      expect(await sealed()).toMatchObject({ transfers: 6 })
    })
    await fx.db.transaction().execute(async (trx) => {
      expect(await fx.ledger.checkpoint(trx)).toMatchObject({ checkpoint: { transfers: 7 } })
      const paid = await fx.ledger.transfer(fx.db, movement(from(), to()))
      expect(paid.outcome).toBe('created')
    })
  })

  test('LEDGER-23 waits for another run, no longer than lock_timeout', async () => {
    await fx.db.transaction().execute(async (trx) => {
      await fx.ledger.checkpoint(trx)
      const impatient = fx.db.connection().execute(async (db) => {
        await sql`set lock_timeout = '50ms'`.execute(db)
        const result = await fx.ledger.checkpoint(db)
        await sql`reset lock_timeout`.execute(db)
        return result
      })
      expect(tally([await impatient])).toEqual({ 'busy: lock_timeout': 1 })
    })
    expect(tally([await fx.ledger.checkpoint(fx.db)])).toEqual({ unchanged: 1 })
  })

  test('of a run that waited for another seals what moved meanwhile', async () => {
    let second: Promise<Checkpoint> | undefined
    await fx.db.transaction().execute(async (trx) => {
      await fx.ledger.checkpoint(trx)
      await fx.ledger.transfer(fx.db, movement(from(), to()))
      second = sealed()
      await waitFor(async () => {
        const { rows } = await sql`select from pg_stat_activity
          where datname = current_database() and wait_event_type = 'Lock'`.execute(fx.db)
        return rows.length > 0
      })
    })
    expect(await second).toMatchObject({ no: 2, transfers: 7 })
  })

  test('under REPEATABLE READ is made once, or busy', async () => {
    const late = fx.db
      .transaction()
      .setIsolationLevel('repeatable read')
      .execute(async (trx) => {
        await sql`select from ledger.account limit 1`.execute(trx)
        await sealed()
        return fx.ledger.checkpoint(trx)
      })
    await expect(late).rejects.toMatchObject({ code: 'LEDGER_BUSY', retryable: true })
    expect(await fx.ledger.checkpoints(fx.db)).toHaveLength(1)
  })

  test('LEDGER-25 makes what it seals durable, also where commits do not wait', async () => {
    await fx.db.connection().execute(async (db) => {
      await sql`set synchronous_commit = off`.execute(db)
      await fx.ledger.transfer(db, movement(from(), to()))
      const { rows } = await sql<{ lsn: string }>`
        select pg_current_wal_insert_lsn()::text as lsn`.execute(db)
      expect(await fx.ledger.checkpoint(db)).toMatchObject({ outcome: 'created' })
      const flushed = await sql`select pg_current_wal_flush_lsn() >= ${rows[0]?.lsn}::pg_lsn as so,
        current_setting('synchronous_commit') as setting`.execute(db)
      await sql`reset synchronous_commit`.execute(db)
      expect(flushed.rows).toEqual([{ so: true, setting: 'off' }])
    })
  })
})

describe('signatures', () => {
  test('are over a text that anybody can check', async () => {
    const c = await sealed({ signer })
    expect(c.signatures).toEqual([
      { keyId: 'auditor-1', signature: expect.stringMatching(/^[0-9a-f]{128}$/) },
    ])
    const text = `payflow-ledger-checkpoint-1|1|6|${c.root}|${GENESIS_ROOT}|${c.createdAtMicros}`
    expect(checkpointText(c)).toBe(text)
    const signature = Buffer.from(c.signatures[0]?.signature ?? '', 'hex')
    expect(verify(null, Buffer.from(text), createPublicKey(keys.privateKey), signature)).toBe(true)
    const { rows } = await sql<{ root: string }>`select encode(root, 'hex') as root
      from ledger.checkpoint`.execute(fx.db)
    expect(rows).toEqual([{ root: c.root }])
  })

  test('that a signer failed to give are made up for, and others can be added', async () => {
    const broken: CheckpointSigner = {
      keyId: 'kms',
      sign: () => Promise.reject(new Error('KMS is away')),
    }
    await expect(fx.ledger.checkpoint(fx.db, { signer: broken })).rejects.toThrow('KMS is away')
    const [unsigned] = (await fx.ledger.checkpoints(fx.db)) as [Checkpoint]
    expect(unsigned.signatures).toEqual([])
    const again = await fx.ledger.checkpoint(fx.db, { signer })
    expect(again).toMatchObject({ outcome: 'unchanged', checkpoint: { no: 1 } })
    const witness = ed25519Signer({ ...generateKeyPairSync('ed25519'), keyId: 'Witness' })
    const both = await fx.ledger.signCheckpoint(fx.db, { checkpoint: unsigned, signer: witness })
    expect(both?.signatures.map(({ keyId }) => keyId)).toEqual(['Witness', 'auditor-1'])
    expect(await fx.ledger.signCheckpoint(fx.db, { checkpoint: unsigned, signer })).toEqual(both)
  })

  test('LEDGER-26 are given only to a checkpoint that the ledger has, and older ones are let be', async () => {
    const unsigned = await sealed()
    for (const altered of [
      { root: GENESIS_ROOT },
      { no: 2 },
      { transfers: 5 },
      { previousRoot: unsigned.root },
      { createdAtMicros: unsigned.createdAtMicros + 1 },
    ]) {
      const checkpoint = { ...unsigned, ...altered }
      expect(await fx.ledger.signCheckpoint(fx.db, { checkpoint, signer })).toBeNull()
    }
    await fx.ledger.transfer(fx.db, movement(from(), to()))
    await sealed({ signer })
    const [first, second] = await fx.ledger.checkpoints(fx.db)
    expect([first?.signatures.length, second?.signatures.length]).toEqual([0, 1])
  })

  test('are refused in a transaction, and of what is no Ed25519', async () => {
    const invalid = { code: 'LEDGER_INVALID_OPTION' }
    const inside = fx.db.transaction().execute((trx) => fx.ledger.checkpoint(trx, { signer }))
    await expect(inside).rejects.toMatchObject(invalid)
    expect(await fx.ledger.checkpoints(fx.db)).toEqual([])
    const rsa = generateKeyPairSync('rsa', { modulusLength: 2_048 })
    for (const make of [
      () => ed25519Signer({ keyId: 'rsa', privateKey: rsa.privateKey }),
      () => ed25519Signer({ keyId: 'public', privateKey: keys.publicKey }),
      () => ed25519Signer({ keyId: 'a key', privateKey: keys.privateKey }),
    ]) {
      expect(make).toThrow(LedgerError)
    }
    const short: CheckpointSigner = { keyId: 'short', sign: () => Buffer.alloc(63) }
    await expect(fx.ledger.checkpoint(fx.db, { signer: short })).rejects.toMatchObject(invalid)
    for (const publicKey of [rsa.publicKey, keys.privateKey, 'no pem']) {
      const checked = fx.ledger.verifyCheckpoints(fx.db, { publicKeys: { k: publicKey } })
      await expect(checked).rejects.toMatchObject(invalid)
    }
  })
})
