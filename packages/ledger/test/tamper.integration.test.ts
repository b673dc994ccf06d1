/*
 * Goal: what somebody with every right changed is named, though all numbers agree again. Method: as
 * a superuser with triggers off, change history and repair all that follows from it.
 */
import { generateKeyPairSync } from 'node:crypto'
import { sql } from 'kysely'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import {
  type Checkpoint,
  ed25519Signer,
  type VerifyCheckpointsOptions,
  verifyExport,
} from '../src/index.ts'
import { type Fixture, movement, openFixture } from './support/fixture.ts'
import { cutTail, recomputeCheckpoints, repair, tamper } from './support/tamper.ts'

const keys = generateKeyPairSync('ed25519')
const signer = ed25519Signer({ keyId: 'auditor', privateKey: keys.privateKey })
const publicKeys = { auditor: keys.publicKey }

let fx: Fixture
let from: string
let to: string
let witnesses: Checkpoint[]

beforeEach(async () => {
  fx = await openFixture({ connectionsMax: 2 })
  ;[from, to] = [await fx.wallet(1_000n), await fx.wallet(500n)]
  witnesses = []
  for (let block = 0; block < 3; block += 1) {
    for (let i = 0; i < 3; i += 1) await fx.ledger.transfer(fx.db, movement(from, to, 10n))
    const result = await fx.ledger.checkpoint(fx.db, { signer })
    if (result.outcome !== 'created') throw new Error(result.outcome)
    witnesses.push(result.checkpoint)
  }
})
afterEach(() => fx.close())

/** The findings as `kind no`, or `kind no account`; `verify` alone must see nothing. */
async function found(options: VerifyCheckpointsOptions = { publicKeys, witnesses }) {
  expect((await fx.ledger.verify(fx.db)).findings).toEqual([])
  const names = new Map([fx.sourceId, from, to].map((id, i) => [id, ['source', 'from', 'to'][i]]))
  const { clean, findings } = await fx.ledger.verifyCheckpoints(fx.db, options)
  expect(clean).toBe(findings.length === 0)
  const named = findings.map(({ finding, checkpointNo, accountId }) =>
    [finding.replace('checkpoint_', ''), checkpointNo, names.get(accountId ?? '')]
      .filter((part) => part !== undefined)
      .join(' '),
  )
  return named.toSorted()
}

/** A payment of history was of another amount all along. */
const rewrite = (block: number): string => `
  update ledger.transfer set amount_minor = 11 where debit_id = '${from}'
    and debit_seq = ${block * 3}`

describe('a sound ledger', () => {
  test('has no findings, in one run or in several', async () => {
    const all = { clean: true, findings: [], checkpoints: 3, next: null }
    expect(await fx.ledger.verifyCheckpoints(fx.db, { publicKeys, witnesses })).toEqual(all)
    await fx.ledger.transfer(fx.db, movement(to, from, 1n)) // not sealed yet
    expect(await fx.ledger.verifyCheckpoints(fx.db)).toEqual(all)
    const first = await fx.ledger.verifyCheckpoints(fx.db, { publicKeys, limit: 2 })
    expect(first).toEqual({ clean: true, findings: [], checkpoints: 2, next: 2 })
    const rest = await fx.ledger.verifyCheckpoints(fx.db, { publicKeys, witnesses, after: 2 })
    expect(rest).toEqual({ clean: true, findings: [], checkpoints: 1, next: null })
  })

  test('ends a run on a signal, and lists no more findings than it is asked for', async () => {
    const aborted = fx.ledger.verifyCheckpoints(fx.db, { signal: AbortSignal.abort('enough') })
    await expect(aborted).rejects.toBe('enough')
    await tamper(fx.db, 'delete from ledger.checkpoint_signature')
    const { findings } = await fx.ledger.verifyCheckpoints(fx.db, { publicKeys, findingsMax: 2 })
    expect(findings).toHaveLength(2)
  })
})

describe('verifyCheckpoints', () => {
  test('LEDGER-26 names a tail cut off with counters, heads and balances repaired', async () => {
    await tamper(fx.db, cutTail(4), repair)
    const cut = ['regression 2 from', 'regression 2 to', 'regression 3 from', 'regression 3 to']
    expect(await found({})).toEqual(cut)
    expect(await found()).toContain('regression 3')
  })

  test('LEDGER-26 names a tail that was cut off and has grown again', async () => {
    await tamper(fx.db, cutTail(2), repair)
    for (let i = 0; i < 4; i += 1) await fx.ledger.transfer(fx.db, movement(from, to, 10n))
    expect(await found({})).toEqual(['rewritten 3 from', 'rewritten 3 to'])
  })

  test('LEDGER-26 says what was sealed and what there is', async () => {
    const { rows } = await sql<{ hash: string }>`select encode(debit_hash, 'hex') as hash
      from ledger.transfer where debit_id = ${from}::uuid and debit_seq = 10`.execute(fx.db)
    await tamper(fx.db, cutTail(1), repair)
    expect((await fx.ledger.verifyCheckpoints(fx.db)).findings).toContainEqual({
      finding: 'checkpoint_regression',
      checkpointNo: 3,
      accountId: from,
      field: '#10',
      expected: rows[0]?.hash,
      actual: null,
    })
  })

  test('LEDGER-26 names a history rewritten with all its hashes', async () => {
    await tamper(fx.db, rewrite(2), repair)
    const blocks = ['rewritten 2 from', 'rewritten 2 to', 'rewritten 3 from', 'rewritten 3 to']
    expect(await found({})).toEqual(blocks)
  })

  test('LEDGER-26 names a history rewritten with all its hashes and checkpoints', async () => {
    await tamper(fx.db, rewrite(2), repair, recomputeCheckpoints)
    expect(await found({})).toEqual([]) // nobody outside remembers anything
    const invalid = ['signature_invalid 2', 'signature_invalid 3']
    expect(await found({ publicKeys })).toEqual(invalid)
    expect(await found({ witnesses })).toEqual(['rewritten 2', 'rewritten 3'])
    await tamper(fx.db, 'delete from ledger.checkpoint_signature where checkpoint_no > 1')
    expect(await found({ publicKeys })).toEqual(['unsigned 2', 'unsigned 3'])
  })

  test('LEDGER-26 does not take the signature of a stranger, nor an old one for a new text', async () => {
    const stranger = ed25519Signer({ ...generateKeyPairSync('ed25519'), keyId: 'auditor' })
    await tamper(fx.db, 'delete from ledger.checkpoint_signature where checkpoint_no = 3')
    const last = witnesses[2] as Checkpoint
    await fx.ledger.signCheckpoint(fx.db, { checkpoint: last, signer: stranger })
    const other = { ...stranger, keyId: 'constructor' }
    await fx.ledger.signCheckpoint(fx.db, { checkpoint: last, signer: other })
    expect(await found()).toEqual(['signature_invalid 3'])
    const moved = `update ledger.checkpoint set created_at = created_at + interval '1 us' where no = 2`
    await tamper(fx.db, moved)
    expect(await found({ publicKeys })).toEqual(['signature_invalid 2', 'signature_invalid 3'])
  })

  test('LEDGER-26 finds the signature of a key behind rubbish that was there first', async () => {
    await fx.ledger.transfer(fx.db, movement(from, to, 10n))
    for (const byte of [0x00, 0xff]) {
      const rubbish = { keyId: signer.keyId, sign: () => Buffer.alloc(64, byte) }
      await fx.ledger.checkpoint(fx.db, { signer: rubbish })
    }
    expect(await found()).toEqual(['signature_invalid 4'])
    const late = await fx.ledger.checkpoint(fx.db, { signer })
    expect(late).toMatchObject({
      outcome: 'unchanged',
      checkpoint: {
        signatures: [
          { keyId: 'auditor', signature: '00'.repeat(64) },
          { keyId: 'auditor', signature: expect.stringMatching(/^[0-9a-f]{128}$/) as string },
          { keyId: 'auditor', signature: 'ff'.repeat(64) },
        ],
      },
    })
    expect(await found()).toEqual([])
    const { clean } = await verifyExport(fx.ledger.exportNdjson(fx.db), { publicKeys })
    expect(clean).toBe(true)
    // The same again is no other; nor does one key's help another, or one checkpoint's the next.
    expect(await fx.ledger.checkpoint(fx.db, { signer })).toEqual(late)
    const others = { auditor: keys.publicKey, other: generateKeyPairSync('ed25519').publicKey }
    expect(await found({ publicKeys: others })).toEqual([])
    const own = witnesses[0]?.signatures[0]?.signature ?? ''
    const replayed = { keyId: 'other', sign: () => Buffer.from(own, 'hex') }
    await fx.ledger.checkpoint(fx.db, { signer: replayed })
    expect(await found({ publicKeys: others })).toEqual(['signature_invalid 4'])
  })

  test('LEDGER-26 keeps no signature of a length that an export would be refused for', async () => {
    const c = witnesses[0] as Checkpoint
    const signed = sql`select ledger.sign_checkpoint(${c.no}, ${c.transfers}, ${c.root},
      ${c.previousRoot}, ${c.createdAtMicros}, 'auditor', '00')`.execute(fx.db)
    await expect(signed).rejects.toMatchObject({ code: '23514' })
  })

  test.each([
    ['one of the middle', 2, {}, ['missing 2']],
    ['the first', 1, {}, ['missing 1']],
    ['the newest, whose leaves stay', 3, {}, ['missing 3']],
  ] as const)('LEDGER-26 names a deleted checkpoint: %s', async (_, no, options, names) => {
    await tamper(fx.db, `delete from ledger.checkpoint where no = ${no}`)
    expect(await found(options)).toEqual(names)
  })

  test('LEDGER-26 names the newest checkpoint deleted without a trace, by its witness', async () => {
    await tamper(
      fx.db,
      'delete from ledger.checkpoint where no = 3',
      'delete from ledger.checkpoint_leaf where checkpoint_no = 3',
      'delete from ledger.checkpoint_signature where checkpoint_no = 3',
    )
    expect(await found({ publicKeys })).toEqual([])
    expect(await found()).toEqual(['missing 3'])
    await fx.ledger.transfer(fx.db, movement(from, to, 1n))
    await fx.ledger.checkpoint(fx.db, { signer })
    expect(await found()).toEqual(['rewritten 3'])
  })

  test.each([
    [
      'a leaf with another place',
      `update ledger.checkpoint_leaf set seq = 6 where checkpoint_no = 2
      and account_id = '$from'`,
      ['rewritten 2 from', 'root_mismatch 2', 'root_mismatch 2', 'root_mismatch 3'],
    ],
    [
      'a leaf with another hash',
      `update ledger.checkpoint_leaf set head = sha256(head)
      where checkpoint_no = 2 and account_id = '$from'`,
      ['rewritten 2 from', 'root_mismatch 2'],
    ],
    [
      'a deleted leaf',
      `delete from ledger.checkpoint_leaf where checkpoint_no = 1
      and account_id = '$source'`,
      ['root_mismatch 1', 'root_mismatch 1'],
    ],
    [
      'another count',
      'update ledger.checkpoint set transfers = 9 where no = 2',
      ['rewritten 2', 'root_mismatch 2', 'root_mismatch 3', 'signature_invalid 2'],
    ],
    [
      'another root before',
      'update ledger.checkpoint set previous_root = root where no = 1',
      ['rewritten 1', 'root_mismatch 1', 'root_mismatch 1', 'signature_invalid 1'],
    ],
  ] as const)('LEDGER-26 names %s', async (_, statement, names) => {
    await tamper(fx.db, statement.replace('$from', from).replace('$source', fx.sourceId))
    expect(await found()).toEqual(names)
  })

  test('LEDGER-26 names the part of a sharded account', async () => {
    const hot = await fx.account({ hot: 'sharded:4' })
    const onPart3 = { ...movement(from, hot, 10n), id: `${hot.slice(0, -2)}02` }
    await fx.ledger.transfer(fx.db, onPart3)
    await fx.ledger.transfer(fx.db, movement(from, to, 10n))
    await fx.ledger.checkpoint(fx.db)
    const rewritten = `update ledger.transfer set code = 'gift' where id = '${onPart3.id}'`
    await tamper(fx.db, rewritten, repair)
    expect((await fx.ledger.verify(fx.db)).findings).toEqual([])
    const { findings } = await fx.ledger.verifyCheckpoints(fx.db)
    const ofPart = findings.filter(({ accountId }) => accountId === hot)
    expect(ofPart).toMatchObject([{ finding: 'checkpoint_rewritten', field: 'part 3 #1' }])
  })

  test('goes on after a number whose checkpoint is gone, and says so', async () => {
    await tamper(fx.db, 'delete from ledger.checkpoint where no = 2')
    expect(await found({ after: 2 })).toEqual(['missing 2'])
    expect(await found({ after: 1 })).toEqual(['missing 2'])
  })
})
