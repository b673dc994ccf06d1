// A process that waits for 'start', runs the job once over the payments of DATABASE_URL, prints
// its result and ends. Its own clock is CLOCK_SKEW_MS away from the truth; its probes are armed by
// the test. DECIDE=inside: decides in the transaction that records.
import { Kysely, PostgresDialect } from 'kysely'
import pg from 'pg'
import { childProbe } from '@payflow/testkit'

const skewMs = Number(process.env['CLOCK_SKEW_MS'] ?? 0)
const RealDate = Date
globalThis.Date = class extends RealDate {
  constructor(...args: [] | [string | number | Date]) {
    if (args.length === 0) super(RealDate.now() + skewMs)
    else super(...args)
  }
  static override now(): number {
    return RealDate.now() + skewMs
  }
} as DateConstructor

// Imported when the clock is already wrong, so that nothing can have kept the right one.
const { createReversal } = await import('../../src/index.ts')
const { paymentOptions, paymentOptionsInside } = await import('./payments.ts')

const pool = new pg.Pool({ connectionString: process.env['DATABASE_URL'], max: 4 })
pool.on('error', () => {})
// The server ends the transaction of a job that was frozen in it.
pool.on('connect', (client) => client.on('error', () => {}))
const db = new Kysely<any>({ dialect: new PostgresDialect({ pool }) })
const probe = childProbe()
const started = new Promise<void>((resolve) => {
  process.on('message', (message) => {
    if ((message as { type?: string }).type === 'start') resolve()
  })
})
process.channel?.ref()
await started
const resolveTimeoutMs = Number(process.env['RESOLVE_TIMEOUT_MS'] ?? 10_000)
const logbook = process.env['LOGBOOK'] === 'kept' ? {} : undefined
const settings = { batchSize: 5, concurrency: 1, resolveTimeoutMs, logbook, probe }
const reversal =
  process.env['DECIDE'] === 'inside'
    ? createReversal(paymentOptionsInside(db, settings))
    : createReversal(paymentOptions(db, settings))
const result = await reversal.run()
process.stdout.write(`${JSON.stringify(result)}\n`)
await db.destroy()
process.disconnect()
