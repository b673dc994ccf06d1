// The command as a process of its own, on a real database: what a CronJob and a container start.
import { fileURLToPath } from 'node:url'
import type { Kysely } from 'kysely'
import { describe, expect, it } from 'vitest'
import { spawnChild, waitFor } from '@payflow/testkit'
import { addPayments, statusOf } from './support/payments.ts'
import type { PaymentsDatabase } from './support/payments.ts'
import { usePayments } from './support/use-payments.ts'

const config = fileURLToPath(new URL('./support/cli-config.ts', import.meta.url))
let db: Kysely<PaymentsDatabase>
let url: string

usePayments((payments) => ({ db, url } = payments), { emptied: false })

const command = (args: readonly string[], env: Readonly<Record<string, string>> = {}) =>
  spawnChild(new URL('../src/bin.ts', import.meta.url), {
    args: [...args, '--config', config],
    env: { DATABASE_URL: url, ...env },
  })

describe('payflow-reversal', () => {
  it('runs once, prints what it did, and ends with 0', async () => {
    await addPayments(db, 100, { status: 'COMPLETED' })
    await addPayments(db, 7)
    const report = await command(['report', '--json'])
    expect(await report.exited).toMatchObject({ code: 0 })
    expect(JSON.parse(report.stdout())).toMatchObject({ undispatched: { count: 7 } })
    const run = await command(['run', '--json'])
    expect(await run.exited).toMatchObject({ code: 0 })
    expect(JSON.parse(run.stdout())).toMatchObject({ scanned: 7, reversed: 7, endedBy: 'done' })
  })

  it('watches until SIGTERM and ends with 0', async () => {
    const watch = await command(['watch', '--interval-ms', '50'])
    await waitFor(() => watch.stdout().split('\n').length > 2)
    const [id = ''] = await addPayments(db, 1)
    await waitFor(async () => (await statusOf(db, id)) === 'FAILED')
    expect(await watch.kill('SIGTERM')).toMatchObject({ code: 0, signal: null })
  })

  it('ends with 1 when the database is away', async () => {
    const nowhere = new URL(url)
    nowhere.port = '1'
    const run = await command(['run'], { DATABASE_URL: nowhere.href })
    expect(await run.exited).toMatchObject({ code: 1 })
    expect(run.stderr()).toContain('ECONNREFUSED')
  })

  it('REV-11 ends with 6 at a mass reversal it pauses at, with 5 at one it goes on with', async () => {
    await addPayments(db, 100, { status: 'COMPLETED' })
    const ids = await addPayments(db, 300)
    const paused = await command(['run', '--json'], { ON_MASS_REVERSAL: 'pause' })
    expect(await paused.exited).toMatchObject({ code: 6 })
    expect(JSON.parse(paused.stdout())).toMatchObject({ scanned: 0, endedBy: 'paused' })
    expect(paused.stderr()).toContain('MASS REVERSAL (share)')
    const report = await command(['report', '--limit', '2'], { ON_MASS_REVERSAL: 'pause' })
    expect(await report.exited).toMatchObject({ code: 0 })
    expect(report.stdout()).toContain('a run would decide nothing')
    expect(report.stdout()).toContain(`and ${ids.length - 2} more`)
    const went = await command(['run', '--on-mass-reversal', 'proceed'], {
      ON_MASS_REVERSAL: 'pause',
    })
    expect(await went.exited).toMatchObject({ code: 5 })
    expect(went.stdout()).toContain(`${ids.length} reversed`)
  })
})
