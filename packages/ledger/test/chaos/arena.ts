import { createTestDatabase, startPostgres, type Server, type TestDatabase } from '@payflow/testkit'
import { createLedger, migrateLedger } from '../../src/index.ts'
import { installServerFaults } from '../support/server-faults.ts'
import { openStage, type Stage } from '../support/world/stage.ts'

/** A PostgreSQL of its own with a ledger in it, to be treated badly. */
export interface Arena extends AsyncDisposable {
  readonly server: Server
  readonly database: TestDatabase
  readonly stage: Stage
  /** What the ledger says of itself; empty: nothing is wrong. */
  findings(): Promise<readonly string[]>
}

/** Starts it; it ends with this process whatever happens. */
export async function openArena(): Promise<Arena> {
  const server = await startPostgres({ settings: { shared_buffers: '512MB', max_wal_size: '4GB' } })
  const database = await createTestDatabase({ migrate: migrateLedger, serverUrl: server.url })
  await installServerFaults(database.db)
  const stage = await openStage(database.url, { isDurable: true })
  return {
    server,
    database,
    stage,
    findings: () => findingsOf(stage),
    async [Symbol.asyncDispose]() {
      await stage.close()
      await database.dispose()
      await server.stop()
    },
  }
}

async function findingsOf({ side, keys }: Stage): Promise<string[]> {
  const ledger = createLedger()
  const { findings } = await ledger.verify(side)
  const publicKeys = { house: keys.publicKey }
  const sealed = await ledger.verifyCheckpoints(side, { publicKeys })
  const { totals } = await ledger.trialBalance(side)
  const unbalanced = totals.filter(({ differenceMinor }) => differenceMinor !== 0n)
  return [
    ...findings.map((found) => JSON.stringify(found)),
    ...sealed.findings.map((found) => JSON.stringify(found)),
    ...unbalanced.map(
      ({ currency, differenceMinor }) => `${currency}: ${differenceMinor} too much`,
    ),
  ]
}
