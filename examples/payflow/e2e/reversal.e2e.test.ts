/*
 * Goal: what was accepted ends once and consistently, also what nobody came to in time: COMPLETED
 * and posted, or FAILED with the money free again, each told once to whom it concerns.
 * Method: every process of PayFlow, with clocks that are twenty minutes apart from the first test to
 * the last: worker and transaction-service ten minutes ahead, the reversal job ten behind. Hours
 * pass by moving what PostgreSQL's clock is compared with. Leashes are those of production.
 */
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { ServiceKeys } from '@payflow-app/service-kit/testing'
import { startStack, type ServiceName, type Stack } from '@payflow-app/stack'
import { spawnChild, waitFor, type Child } from '@payflow/testkit'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  age,
  auditAll,
  auditEnds,
  call,
  messageIdOf,
  postInLedger,
  SOUND,
  User,
  type PaymentEnd,
} from './src/index.ts'

const HOUR_MS = 3_600_000
const CLOCK_OFF_MS = 600_000
/** For what takes as long as the machine is busy. */
const PATIENT = { timeoutMs: 60_000 }
const FOREVER = { createdMs: HOUR_MS, dispatchedMs: HOUR_MS }

const completed: PaymentEnd = {
  status: 'COMPLETED',
  resolvedBy: 'worker',
  events: 1,
  postings: 1,
  notifications: 2,
}
/** The money had moved, only the record was missing: both sides are told, by the job. */
const repaired: PaymentEnd = { ...completed, resolvedBy: 'reversal' }
/** The sender is told. The recipient never was, and is not now. */
const reversed: PaymentEnd = {
  status: 'FAILED',
  resolvedBy: 'reversal',
  events: 1,
  postings: 0,
  notifications: 1,
}

const isFailed = ({ status }: PaymentEnd): boolean => status === 'FAILED'

let stack: Stack
let senders: User[]
let grace: User
const deaths: string[] = []

beforeAll(async () => {
  const wrong = (aheadMs: number) => ({
    NODE_OPTIONS: `--import=${new URL('./src/shift-clock.ts', import.meta.url).href}`,
    CLOCK_AHEAD_MS: String(aheadMs),
  })
  stack = await startStack({
    env: {
      worker: wrong(CLOCK_OFF_MS),
      transaction: { ...wrong(CLOCK_OFF_MS), FLOW_INTERVAL_MS: '200' },
      reversal: { ...wrong(-CLOCK_OFF_MS), REVERSAL_INTERVAL_MS: '300' },
    },
    restartDelayMaxMs: 200,
    onDeath: (sentence) => deaths.push(sentence),
  })
  grace = await User.register(stack.url)
  senders = await Promise.all(Array.from({ length: 5 }, () => User.register(stack.url)))
})
afterAll(async () => {
  await stack?.stop()
})

describe('with clocks twenty minutes apart', () => {
  it('REV-05 a fresh payment completes, whatever time it is for those who execute it', async () => {
    expect(clockOf('worker')).toBeGreaterThan(CLOCK_OFF_MS - 60_000)
    expect(clockOf('transaction')).toBeGreaterThan(CLOCK_OFF_MS - 60_000)
    expect(clockOf('reversal')).toBeLessThan(60_000 - CLOCK_OFF_MS)
    const ids = await pay(5)
    await runsAnew()
    await ended(ids, completed)
  })

  it('REV-09 two jobs at once, and the service beside them, end each payment once and say that it is many', async () => {
    await stack.stopService('worker')
    const ids = await pay(30)
    await stack.stopService('reversal')
    await age(stack, ids, FOREVER)
    // The service holds what it has read until a command has looked as well: whoever looks after
    // the others have ended most of it has no mass reversal to tell of.
    await stack.arm('reversal', 'reversal.scanned', 'stop')
    await stack.startService('reversal')
    await stack.reached('reversal', 'reversal.scanned', 30_000)
    const jobs = await Promise.all([runJob(), runJob()])
    await waitFor(async () => (await auditEnds(stack, ids)).some(isFailed), PATIENT)
    stack.go('reversal', 'reversal.scanned')
    const codes = (await Promise.all(jobs.map((job) => job.exited))).map(({ code }) => code)
    await ended(ids, reversed)
    expect(await available()).toBe(senders.length * 100_000 - 5)

    // What must not be missed: by the schedule, the log, the metrics, and whoever opens the page.
    expect(codes, jobs.map((job) => job.stdout()).join('')).toContain(5)
    expect(codes.every((code) => code === 5 || code === 0)).toBe(true)
    await waitFor(async () => {
      const { body } = await call(stack.url, 'GET', '/api/status')
      return JSON.stringify(body) === '{"payments":"reversing"}'
    }, PATIENT)
    await exports('transaction', /^payflow_payment_flow\{[^}]*state="reversing"[^}]*\} 1$/m)
    await exports('transaction', /^payflow_reversals_total\{[^}]*outcome="reversed"[^}]*\} 30$/m)
    const lastSuccess = /^payflow_reversal_last_success_timestamp_seconds\{[^}]*\} [1-9]/m
    await exports('transaction', lastSuccess)
    const isTold = (line: Record<string, unknown>) =>
      line['level'] === 'error' && line['event'] === 'payment_flow' && line['flow'] === 'reversing'
    await waitFor(() => logOf('transaction').some(isTold), PATIENT)
  })

  it.each([
    ['reversal.scanned', 1],
    ['reversal.resolved', 0],
    ['reversal.recording', 0],
    ['reversal.recorded', 0],
  ])(
    'REV-08 a job killed at %s leaves nothing open and does nothing twice',
    async (point, skip) => {
      const [posted = '', ...ids] = await pay(5)
      await postInLedger(stack, posted)
      await stack.stopService('reversal')
      await age(stack, [posted, ...ids], FOREVER)
      deaths.length = 0
      await stack.arm('reversal', point, 'kill', skip)
      await stack.startService('reversal')
      await waitFor(() => deaths.includes('reversal ended (SIGKILL); starting it again'), PATIENT)
      await ended(ids, reversed)
      await ended([posted], repaired)
      expect(await auditAll(stack)).toMatchObject(SOUND)
    },
  )

  it('REV-04 REV-14 messages that come an hour late do nothing, though Redis has forgotten everything, and are acknowledged', async () => {
    // All those whose payments were ended above: no worker has seen them yet.
    const { failed, completed: done } = await auditAll(stack)
    expect([failed, done]).toEqual([30 + 4 * 4, 5 + 4])
    const before = await balances()
    await forgetRedis()
    await stack.startService('worker')
    await waitFor(async () => (await late()) === 50, PATIENT)
    expect(await balances()).toEqual(before)
    expect(await auditAll(stack)).toMatchObject({ ...SOUND, failed, completed: done })
  })

  it.each([
    ['before the money moves', 'consumer.received', reversed],
    ['after the money moved', 'consumer.decided', repaired],
  ])(
    'REV-06 a worker frozen %s until its payment was ended changes nothing',
    async (_, point, end) => {
      await stack.stopService('worker')
      const [id = ''] = await pay(1)
      await freezeWorkerAt(point, id)
      await age(stack, [id], FOREVER)
      await ended([id], end)
      await stack.resume('worker')
      // More than once: an attempt that was frozen past its deadline is made again.
      await waitFor(async () => {
        stack.go('worker', point)
        return (await late()) === 1
      }, PATIENT)
      await ended([id], end)
      expect(await auditAll(stack)).toMatchObject(SOUND)
    },
  )

  it('REV-03 a worker frozen in its transaction holds up no other payment, and posts its own once', async () => {
    await stack.stopService('worker')
    await stack.freeze('reversal')
    const [id = ''] = await pay(1)
    await age(stack, [id], FOREVER)
    await freezeWorkerAt('consumer.recorded', id)
    const others = await pay(1)
    await age(stack, others, FOREVER)
    await stack.resume('reversal')
    await ended(others, reversed)
    await stack.resume('worker')
    stack.go('worker', 'consumer.recorded')
    // By whom depends on whether PostgreSQL had the patience to wait for the frozen transaction.
    const { resolvedBy: _, ...posted } = completed
    await ended([id], posted)
    expect(await auditAll(stack)).toMatchObject(SOUND)
  })

  it('REV-13 none of 500 honest payments that waited for ten minutes is reversed: all complete', async () => {
    await stack.stopService('worker')
    const { completed: before, failed } = await auditAll(stack)
    const ids = await pay(500)
    await age(stack, ids, { createdMs: 600_000, dispatchedMs: 600_000 })
    await runsAnew()
    expect(await auditAll(stack)).toMatchObject({ pending: 500, failed })
    await stack.startService('worker')
    await waitFor(async () => (await auditAll(stack)).pending === 0, {
      timeoutMs: 90_000,
      intervalMs: 500,
    })
    await ended(ids, completed)
    expect(await auditAll(stack)).toMatchObject({ ...SOUND, completed: before + 500, failed })
  })
})

/** Accepted payments of one minor unit, from everybody in turn, to one recipient. */
async function pay(count: number): Promise<string[]> {
  const ids: string[] = []
  while (ids.length < count) {
    const some = Math.min(50, count - ids.length)
    const answers = await Promise.all(
      Array.from({ length: some }, (_, index) =>
        senders[index % senders.length]!.payUntilAnswered({ toUserId: grace.id, amount: 1 }),
      ),
    )
    ids.push(...answers.map(({ body }) => body.id))
  }
  return ids
}

/** Waits until all of them ended and were told of, and looks whether all ended like that. */
async function ended(
  ids: readonly string[],
  end: Omit<PaymentEnd, 'resolvedBy'> & Partial<PaymentEnd>,
): Promise<void> {
  const told = (one: PaymentEnd) => one.notifications >= end.notifications
  await waitFor(async () => (await auditEnds(stack, ids)).every(told), {
    timeoutMs: 60_000,
    intervalMs: 100,
    message: () => `${ids.length} payments to end ${end.status}, and to be told of`,
  })
  expect(await auditEnds(stack, ids)).toMatchObject(ids.map(() => end))
}

/** Redis loses every key: claims, stored answers, rate limits. */
async function forgetRedis(): Promise<void> {
  const { hostname, port } = new URL(stack.server('redis').url)
  const socket = connect(Number(port), hostname)
  socket.write('FLUSHALL\r\n')
  const [answer] = (await once(socket, 'data')) as [Buffer]
  expect(answer.toString()).toBe('+OK\r\n')
  socket.destroy()
}

/** Starts the worker, which stops at this probe with this payment, and then stops altogether. */
async function freezeWorkerAt(probe: string, id: string): Promise<void> {
  await stack.arm('worker', probe, 'stop', 0, await messageIdOf(stack, id))
  await stack.startService('worker')
  await stack.reached('worker', probe, 30_000)
  await stack.freeze('worker')
}

/** The job the way a CronJob starts it. */
async function runJob(): Promise<Child> {
  const { serviceKeys } = JSON.parse(readFileSync(join(stack.dir, 'secrets.json'), 'utf8')) as {
    serviceKeys: ServiceKeys
  }
  const config = fileURLToPath(new URL('../worker/src/reversal-config.ts', import.meta.url))
  return await spawnChild(new URL('../../../packages/reversal/src/bin.ts', import.meta.url), {
    args: ['run', '--config', config],
    env: {
      DATABASE_URL: stack.databaseUrl('transaction'),
      RABBITMQ_URL: stack.server('rabbitmq').url,
      WALLET_URL: stack.serviceUrl('wallet'),
      SERVICE_KEY_REVERSAL_TO_WALLET: serviceKeys.SERVICE_KEY_REVERSAL_TO_WALLET,
    },
  })
}

async function metrics(name: ServiceName): Promise<string> {
  return await (await fetch(`${stack.serviceUrl(name)}/metrics`)).text()
}

/** Resolves when the service exports a line like that. */
async function exports(name: ServiceName, line: RegExp): Promise<void> {
  await waitFor(async () => line.test(await metrics(name)), { ...PATIENT, message: `${line}` })
}

async function sumOf(name: ServiceName, series: RegExp): Promise<number> {
  const values = (await metrics(name)).matchAll(series)
  return [...values].reduce((sum, [, value]) => sum + Number(value), 0)
}

/** Messages that this worker found to be of payments that had ended. */
const late = () =>
  sumOf('worker', /^payflow_payments_recorded_total\{[^}]*outcome="late"[^}]*\} (\d+)$/gm)

/** Resolves when the reversal service has run twice more: once from its beginning to its end. */
async function runsAnew(): Promise<void> {
  const runs = () => sumOf('reversal', /^payflow_reversal_runs_total\{[^}]*\} (\d+)$/gm)
  const before = await runs()
  await waitFor(async () => (await runs()) >= before + 2, PATIENT)
}

/** Its log; the last line only once it is whole. */
function logOf(name: ServiceName): Record<string, unknown>[] {
  const lines = readFileSync(stack.log(name), 'utf8').split('\n').slice(0, -1)
  return lines
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Record<string, unknown>)
}

/** How far the clock of a process is ahead, by the last line that it logged. */
function clockOf(name: ServiceName): number {
  return Date.parse(String(logOf(name).at(-1)?.['time'])) - Date.now()
}

async function balances(): Promise<unknown[]> {
  return await Promise.all([...senders, grace].map((user) => user.wallet()))
}

async function available(): Promise<number> {
  const wallets = await Promise.all(senders.map((user) => user.wallet()))
  return wallets.reduce((sum, wallet) => sum + wallet.available, 0)
}
