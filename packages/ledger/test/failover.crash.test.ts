/*
 * Goal: a failover to an asynchronous standby loses what was acknowledged, and does not pass
 * unnoticed. Method: two real servers that stream, the stream cut, the primary killed.
 */
import { generateKeyPairSync, randomUUID } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import {
  type Checkpoint,
  createLedger,
  ed25519Signer,
  type Executor,
  migrateLedger,
  type TransferInput,
} from '../src/index.ts'
import { movement, tally, times } from './support/fixture.ts'
import { startReplicated } from './support/standby.ts'

const keys = generateKeyPairSync('ed25519')
const signer = ed25519Signer({ keyId: 'auditor', privateKey: keys.privateKey })
const publicKeys = { auditor: keys.publicKey }
const ledger = createLedger()

async function openAccounts(db: Executor): Promise<readonly [string, string]> {
  await migrateLedger(db)
  const [bank, wallet] = [randomUUID(), randomUUID()]
  await ledger.accounts.create(db, { id: bank, currency: 'USD', kind: 'asset' })
  const limits = { floorMinor: 0n }
  await ledger.accounts.create(db, { id: wallet, currency: 'USD', kind: 'liability', ...limits })
  return [bank, wallet]
}

async function pay(db: Executor, requests: readonly TransferInput[]) {
  const results = []
  for (const request of requests) results.push(await ledger.transfer(db, request))
  return tally(results)
}

async function witnessed(db: Executor): Promise<Checkpoint> {
  const result = await ledger.checkpoint(db, { signer })
  if (result.outcome !== 'created') throw new Error(result.outcome)
  return JSON.parse(JSON.stringify(result.checkpoint)) // as it comes out of a file
}

describe('failover', () => {
  test('LEDGER-25 that lost acknowledged transfers is named, and sending again heals it', async () => {
    await using servers = await startReplicated()
    const { onPrimary, onStandby } = servers
    const [bank, wallet] = await openAccounts(onPrimary)
    const kept = times(20, () => movement(bank, wallet, 5n))
    const lost = times(15, () => movement(bank, wallet, 7n))
    expect(await pay(onPrimary, kept)).toEqual({ created: 20 })
    const witnesses = [await witnessed(onPrimary)]
    await servers.caughtUp()
    // A standby can be audited as it is.
    const verify = (witness = witnesses) =>
      ledger.verifyCheckpoints(onStandby, { publicKeys, witnesses: witness })
    expect(await verify()).toMatchObject({ clean: true, checkpoints: 1 })

    await servers.cut()
    expect(await pay(onPrimary, lost)).toEqual({ created: 15 })
    witnesses.push(await witnessed(onPrimary))
    await servers.primary.kill()
    await servers.promote()

    // The new primary is sound, and by itself knows of nothing that is missing.
    expect((await ledger.verify(onStandby)).findings).toEqual([])
    expect(await verify([])).toMatchObject({ clean: true })
    const { findings } = await verify()
    expect(findings.map((found) => [found.finding, found.checkpointNo, found.actual])).toEqual([
      ['checkpoint_missing', 2, null],
      ['checkpoint_regression', 2, '20'],
    ])

    expect(await pay(onStandby, [...kept, ...lost])).toEqual({ replayed: 20, created: 15 })
    expect(await pay(onStandby, [...lost, ...kept])).toEqual({ replayed: 35 })
    expect(await ledger.balance(onStandby, wallet)).toMatchObject({ balanceMinor: 205n, seq: 35n })
    expect((await ledger.verify(onStandby)).findings).toEqual([])
    // History went another way than the witness saw it, and that stays so.
    await witnessed(onStandby)
    const after = (await verify()).findings.map(({ finding, checkpointNo }) => [
      finding,
      checkpointNo,
    ])
    expect(after).toEqual([['checkpoint_rewritten', 2]])
  })
})
