/*
 * Goal: an export is whole, the same for ever, and checked by nothing but itself. Method: journals
 * with every awkward value; exports under load, and with every single thing about them changed.
 */
import { createHash, generateKeyPairSync } from 'node:crypto'
import { randomInteger } from '@payflow/testkit'
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Checkpoint, ed25519Signer, verifyExport } from '../src/index.ts'
import { type JournalLine, journalPayload } from '../src/journal-payload.ts'
import { payloadOf } from '../src/sql/payload.ts'
import { type Fixture, movement, openFixture, times } from './support/fixture.ts'
import { tamper } from './support/tamper.ts'

const keys = generateKeyPairSync('ed25519')
const signer = ed25519Signer({ keyId: 'auditor', privateKey: keys.privateKey })
const publicKeys = { auditor: keys.publicKey }
const BEYOND_DOUBLE = 9_007_199_254_740_993n

let fx: Fixture
beforeAll(async () => {
  fx = await openFixture({ connectionsMax: 8 })
})
afterAll(() => fx.closeSound())

async function lines(after = 0, from: Fixture = fx): Promise<string[]> {
  const all: string[] = []
  for await (const line of from.ledger.exportNdjson(from.db, { after })) all.push(line)
  return all
}

async function seal(of: Fixture = fx): Promise<Checkpoint> {
  const result = await of.ledger.checkpoint(of.db, { signer })
  if (result.outcome !== 'created') throw new Error(result.outcome)
  return result.checkpoint
}

const transfersOf = (exported: readonly string[]): JournalLine[] =>
  exported.filter((line) => line.startsWith('{"type":"transfer"')).map((line) => JSON.parse(line))

describe('payload', () => {
  test('LEDGER-16 is the same bytes in TypeScript and in SQL', async () => {
    const [from, to] = [await fx.wallet(BEYOND_DOUBLE), await fx.wallet()]
    const awkward = [
      {
        metadata: {
          text: 'a|b "c" \\ é 漢 😀 \u2028',
          big: 1e21,
          one: 1.0,
          nested: [{ z: 1, a: null }],
        },
      },
      { metadata: {}, code: 'fee/eu:1.0' },
      { code: null, metadata: null },
    ]
    for (const rest of awkward) {
      await fx.ledger.transfer(fx.db, { ...movement(from, to, 1n), ...rest })
    }
    await fx.ledger.transfer(fx.db, { ...movement(from, to, 1n), effectiveAt: new Date(1) })
    const hold = movement(from, to, 100n)
    await fx.ledger.hold(fx.db, hold)
    await fx.ledger.capture(fx.db, { ...movement(from, to), holdId: hold.id, amountMinor: 30n })
    await fx.ledger.capture(fx.db, {
      ...movement(from, to),
      holdId: hold.id,
      final: true,
      amountMinor: 30n,
    })
    const original = movement(from, to, 50n)
    await fx.ledger.transfer(fx.db, original)
    const reversal = { id: movement(from, to).id, transferId: original.id, amountMinor: 20n }
    expect(await fx.ledger.reverse(fx.db, reversal)).toMatchObject({ outcome: 'created' })
    await seal()
    const rows = transfersOf(await lines())
    const { rows: payloads } = await sql<{ id: string; payload: Buffer }>`
      select id, ${sql.raw(payloadOf('t'))} as payload from ledger.transfer t
      where debit_seq is not null`.execute(fx.db)
    expect(rows.length).toBe(payloads.length)
    const ofId = new Map(rows.map((row) => [row.id, journalPayload(row).toString()]))
    for (const { id, payload } of payloads) expect(ofId.get(id)).toBe(payload.toString())
    expect(rows.some((row) => row.amountMinor === String(BEYOND_DOUBLE))).toBe(true)
    expect(rows.some((row) => row.effectiveAtMicros === '1000')).toBe(true)
    expect(await verifyExport(await lines(), { publicKeys })).toMatchObject({ clean: true })
  })
})

describe('exportNdjson', () => {
  test('is the same bytes while payments go on, block after block', async () => {
    const own = await openFixture({ connectionsMax: 8 })
    const wallets = await Promise.all([
      ...times(3, () => own.wallet(1_000_000n)),
      own.wallet(1_000_000n, { hot: 'sharded:3' }),
      own.account({ hot: 'sharded:64' }),
    ])
    let moving = true
    const movers = times(4, async () => {
      while (moving) {
        const [a, b] = [randomInteger(0, 4), randomInteger(0, 4)]
        if (a === b) continue
        await own.ledger.transfer(own.db, movement(wallets[a] as string, wallets[b] as string, 1n))
      }
    })
    const first: string[] = []
    for (let block = 0; block < 6; block += 1) {
      await seal(own)
      first.push(...(await lines(block, own)))
    }
    const second = await lines(0, own)
    moving = false
    await Promise.all(movers)
    await seal(own)
    const last = await lines(0, own)
    expect(second).toEqual(first)
    expect(last.slice(0, first.length)).toEqual(first)
    const verified = await verifyExport(last, { publicKeys })
    expect(verified).toMatchObject({ clean: true, findings: [], checkpoints: 7 })
    expect(transfersOf(last).some((row) => row.creditShard > 3)).toBe(true)
    expect(verified.transfers).toBe(await own.journalRows())
    expect(verified.last).toEqual((await own.ledger.checkpoints(own.db, { after: 6 }))[0])
    const previous = (await own.ledger.checkpoints(own.db, { after: 2, limit: 1 }))[0] as Checkpoint
    const rest = await verifyExport(await lines(3, own), { publicKeys, previous })
    expect(rest).toMatchObject({ clean: true, findings: [], checkpoints: 4 })
    await own.closeSound()
  })

  test('has every row of blocks of any size once, in the order of its debit account', async () => {
    const own = await openFixture({ connectionsMax: 4 })
    const sinks = await Promise.all(times(40, () => own.account()))
    // Rows, more of them than a page has, made at once: what counts here is only their number.
    await sql`select ledger.transfer(gen_random_uuid(), ${own.sourceId}::uuid, sink, 1, 'USD',
        null, null, null, false)
      from generate_series(1, 60) n, unnest(${sinks}::uuid[]) sink`.execute(own.db)
    await seal(own)
    await sql`select ledger.transfer(gen_random_uuid(), sink, ${own.sourceId}::uuid, 1, 'USD',
        null, null, null, false)
      from generate_series(1, 30) n, unnest(${sinks}::uuid[]) sink`.execute(own.db)
    await seal(own)
    const exported = await lines(0, own)
    const rows = transfersOf(exported)
    expect(rows).toHaveLength(3_600)
    const places = rows.map((row) => `${row.debitAccountId} ${row.debitSeq.padStart(9, '0')}`)
    expect(new Set(places).size).toBe(3_600)
    expect(places.slice(0, 2_400)).toEqual(places.slice(0, 2_400).toSorted())
    expect(places.slice(2_400)).toEqual(places.slice(2_400).toSorted())
    expect(await verifyExport(exported)).toMatchObject({ clean: true, transfers: 3_600 })
    await own.closeSound()
  })

  test('ends on a signal, and is empty where nothing is sealed', async () => {
    const abort = new AbortController()
    const seen: string[] = []
    const reading = (async () => {
      for await (const line of fx.ledger.exportNdjson(fx.db, { signal: abort.signal })) {
        seen.push(line)
        abort.abort('enough')
      }
    })()
    await expect(reading).rejects.toBe('enough')
    expect(seen.length).toBeLessThan(5)
    expect(await lines(1_000_000)).toEqual([])
  })
})

/** Changes one line of an export: the first that `pick` accepts. */
function alter(
  exported: readonly string[],
  pick: (line: any) => boolean,
  change: (line: any) => unknown,
): string[] {
  const at = exported.findIndex((line) => pick(JSON.parse(line)))
  if (at < 0) throw new Error('no such line')
  const changed = change(JSON.parse(exported[at] as string))
  const written = changed === undefined ? [] : [changed].flat().map((line) => JSON.stringify(line))
  return [...exported.slice(0, at), ...written, ...exported.slice(at + 1)]
}

describe('verifyExport', () => {
  let sound: string[]
  beforeAll(async () => {
    const own = await openFixture({ connectionsMax: 2 })
    const [from, to] = [await own.wallet(1_000n), await own.wallet(500n)]
    for (let block = 0; block < 3; block += 1) {
      for (let i = 0; i < 3; i += 1) {
        await own.ledger.transfer(own.db, {
          ...movement(from, to, 10n),
          code: 'rent',
          metadata: { i },
        })
        await own.ledger.transfer(own.db, movement(to, from, 5n))
      }
      await seal(own)
    }
    sound = await lines(0, own)
    await own.closeSound()
  })

  const kinds = async (exported: readonly string[], options = {}) => {
    const { clean, findings } = await verifyExport(exported, { publicKeys, ...options })
    expect(clean).toBe(findings.length === 0)
    return findings.map(({ finding }) => finding).toSorted()
  }
  const aRow = (line: any) =>
    line.type === 'transfer' && line.code === 'rent' && line.metadata === '{"i": 1}'
  const ofBlock = (type: string, no: number) => {
    let block = 0
    return (line: any) => {
      if (line.type === 'checkpoint') block = line.no
      return block === no && line.type === type
    }
  }

  test('finds nothing in a sound export, with or without newlines', async () => {
    expect(await kinds(sound)).toEqual([])
    expect(await kinds([...sound.map((line) => `${line}\n`), '\n'])).toEqual([])
    expect(await kinds([])).toEqual([])
  })

  test('LEDGER-26 notices a change of any member of any line', async () => {
    const missed: string[] = []
    const members = new Map<string, any>()
    for (const line of sound) {
      const value = JSON.parse(line)
      for (const name of Object.keys(value)) {
        if (value[name] !== null) members.set(`${value.type} ${name}`, value)
      }
    }
    for (const [key, value] of members) {
      const [, name = ''] = key.split(' ')
      const other = otherThan(value[name])
      const changed = alter(
        sound,
        (line) => JSON.stringify(line) === JSON.stringify(value),
        (line) => ({ ...line, [name]: other }),
      )
      if ((await kinds(changed)).length === 0) missed.push(key)
    }
    expect(missed).toEqual([])
    expect(members.size).toBeGreaterThan(35)
  })

  test('LEDGER-26 names the row whose field was changed', async () => {
    const changed = alter(sound, aRow, (line) => ({ ...line, code: 'gift' }))
    const { findings } = await verifyExport(changed, { publicKeys })
    const { id } = JSON.parse(sound.find((line) => aRow(JSON.parse(line))) as string)
    expect(findings).toEqual([
      expect.objectContaining({
        finding: 'hash_mismatch',
        subject: id,
        field: 'debitHash',
        checkpointNo: 1,
      }),
    ])
  })

  test.each([
    ['a row taken out', aRow, () => undefined, ['chain_broken', 'count_mismatch']],
    ['a row twice', aRow, (line: any) => [line, line], ['line_misplaced']],
    [
      'a leaf taken out',
      ofBlock('leaf', 2),
      () => undefined,
      ['chain_broken', 'checkpoint_root_mismatch', 'count_mismatch', 'line_misplaced'],
    ],
    [
      'a checkpoint without signature',
      ofBlock('signature', 2),
      () => undefined,
      ['checkpoint_unsigned'],
    ],
    [
      'a line of another sort',
      aRow,
      () => ({ type: 'note' }),
      ['chain_broken', 'count_mismatch', 'line_invalid'],
    ],
    [
      'a member more',
      aRow,
      (line: any) => ({ ...line, note: 1 }),
      ['chain_broken', 'count_mismatch', 'line_invalid'],
    ],
    [
      'an end line taken out',
      ofBlock('end', 1),
      () => undefined,
      ['export_truncated', 'line_misplaced'],
    ],
  ] as const)('LEDGER-26 names %s', async (_, pick, change, names) => {
    expect(await kinds(alter(sound, pick, change))).toEqual(names)
  })

  test('LEDGER-26 takes several signatures of one key, of which one is right, in one order', async () => {
    const rubbish = { type: 'signature', keyId: 'auditor', signature: '0'.repeat(128) }
    const signedWith = (change: (line: any) => unknown) =>
      kinds(alter(sound, ofBlock('signature', 2), change))
    expect(await signedWith((line) => [rubbish, line])).toEqual([])
    expect(await signedWith((line) => [line, rubbish])).toEqual(['line_misplaced'])
    expect(await signedWith((line) => [rubbish, line, line])).toEqual(['line_misplaced'])
    expect(await signedWith(() => rubbish)).toEqual(['checkpoint_signature_invalid'])
  })

  test('LEDGER-26 names blocks that are missing', async () => {
    const starts = sound.flatMap((line, at) =>
      line.startsWith('{"type":"checkpoint"') ? [at] : [],
    )
    const [, second, third] = starts as [number, number, number]
    expect(await kinds(sound.slice(second))).toEqual(['checkpoint_missing'])
    const holed = [...sound.slice(0, second), ...sound.slice(third)]
    expect(await kinds(holed)).toEqual(['checkpoint_missing'])
    expect(await kinds(sound.slice(0, third + 4))).toEqual(['export_truncated'])
    const { last } = await verifyExport(sound.slice(0, second))
    expect(await kinds(sound.slice(second), { previous: last })).toEqual([])
    const other = { ...(last as Checkpoint), root: '1'.repeat(64) }
    expect(await kinds(sound.slice(second), { previous: other })).toEqual([
      'checkpoint_root_mismatch',
    ])
  })

  test('LEDGER-26 is not fooled by whoever recomputes what can be recomputed', async () => {
    // A row of another amount, with balances and hashes that are right for it.
    const changed = alter(sound, aRow, (line: JournalLine) => {
      const row = {
        ...line,
        amountMinor: '11',
        debitBalanceMinor: String(BigInt(line.debitBalanceMinor) - 1n),
        creditBalanceMinor: String(BigInt(line.creditBalanceMinor) + 1n),
      }
      const hashOf = (previous: string) =>
        createHash('sha256').update(previous, 'hex').update(journalPayload(row)).digest('hex')
      const [debitHash, creditHash] = [row.debitPreviousHash, row.creditPreviousHash].map(hashOf)
      return { ...row, debitHash, creditHash }
    })
    expect(await kinds(changed)).toEqual(['chain_broken'])
  })

  test('LEDGER-26 names balances that were wrong when they were sealed', async () => {
    const own = await openFixture({ connectionsMax: 2 })
    const [from, to] = [await own.wallet(1_000n), await own.wallet()]
    await own.ledger.transfer(own.db, movement(from, to, 10n))
    // A bug, say: the next row will be posted on a wrong balance, with right hashes.
    await tamper(
      own.db,
      `update ledger.account set posted_credits_minor = posted_credits_minor + 1
      where id = '${from}'`,
    )
    await own.ledger.transfer(own.db, movement(from, to, 10n))
    await seal(own)
    expect(await kinds(await lines(0, own))).toEqual(['balance_mismatch', 'currency_unbalanced'])
    await own.close()
  })

  test('LEDGER-26 notices any line that is missing, there twice, or in another place', async () => {
    for (const [at, line] of sound.entries()) {
      const [before, after] = [sound.slice(0, at), sound.slice(at + 1)]
      const next = after[0]
      const variants = [
        [...before, ...after],
        [...before, line, line, ...after],
      ]
      if (next !== undefined) variants.push([...before, next, line, ...after.slice(1)])
      for (const [n, variant] of variants.entries()) {
        expect([at, n, (await kinds(variant)).length > 0]).toEqual([at, n, true])
      }
    }
  })

  test('LEDGER-26 goes through any bytes without failing', async () => {
    for (let i = 0; i < 200; i += 1) {
      const at = randomInteger(0, sound.length - 1)
      const line = sound[at] as string
      const cut = randomInteger(0, line.length - 1)
      const broken = `${line.slice(0, cut)}${String.fromCodePoint(randomInteger(32, 300))}${line.slice(cut + 1)}`
      if (broken === line) continue
      const found = await kinds([...sound.slice(0, at), broken, ...sound.slice(at + 1)])
      expect([at, cut, found.length > 0]).toEqual([at, cut, true])
    }
    for (const junk of ['null', '[]', '1', '{}', '{"type":"toString"}', '{"type":"end"}']) {
      expect((await kinds([junk])).length).toBeGreaterThan(0)
    }
  })
})

function otherThan(value: unknown): unknown {
  if (typeof value === 'boolean') return !value
  if (typeof value === 'number') return value + 1
  const text = String(value)
  const last = text.at(-1) === '1' ? '2' : '1'
  return /^-?\d+$/.test(text) ? String(BigInt(text) + 1n) : `${text.slice(0, -1)}${last}`
}
