// The worker as a process of its own on a real RabbitMQ, PostgreSQL and wallet-service: killed and
// frozen at the instants that matter, and with each of its servers away. Whatever happens, each
// payment ends once, and the ledger and the row say the same.
import { QUEUES } from '@payflow-app/contracts'
import { PaymentExecute } from '@payflow-app/contracts/messages'
import type { Bus } from '@payflow/queue'
import { randomInteger, startPostgres, startRabbitmq, waitFor, type Server } from '@payflow/testkit'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { sql } from 'kysely'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import type { PaymentReversal } from '../src/reversal.ts'
import {
  ready,
  recorded,
  reversalOf,
  settled,
  startWorker,
  type Worker,
} from './support/processes.ts'
import { Scene } from './support/scene.ts'

/** Kills at each point; `CRASH_RUNS=34` makes a hundred of all three. */
const crashRuns = Number(process.env['CRASH_RUNS'] ?? 3)

let rabbitmq: Server
let scene: Scene
let bus: Bus
let reversal: PaymentReversal
const workers: Worker[] = []

beforeAll(async () => {
  rabbitmq = await startRabbitmq()
  scene = await Scene.open()
  bus = await scene.connect(rabbitmq.url)
  reversal = reversalOf(scene, rabbitmq.url)
})
afterEach(async () => {
  // In good order: a message that a killed worker held would be the next test's late message.
  await Promise.all(workers.splice(0).map(({ child }) => child.kill('SIGTERM')))
  await scene.requirePossibleHistories()
})
afterAll(async () => {
  await reversal.close()
  await scene[Symbol.asyncDispose]()
  await rabbitmq.stop()
})

async function worker(environment: Readonly<Record<string, string>> = {}): Promise<Worker> {
  const started = await startWorker(scene, rabbitmq.url, environment)
  workers.push(started)
  return started
}

const queueIsEmpty = () =>
  waitFor(async () => (await bus.queueDepth(QUEUES.execute)).ready === 0, { timeoutMs: 60_000 })

describe('a payment', () => {
  it('moves the money once, ends COMPLETED and is told of once', async () => {
    const [from = '', to = ''] = await scene.users(2)
    await worker()
    const { paymentId } = await scene.accept({ fromUserId: from, toUserId: to })
    expect(await scene.ended(paymentId)).toEqual({
      status: 'COMPLETED',
      failureCode: null,
      resolvedBy: 'worker',
      events: ['payments.completed'],
    })
    expect(await scene.wallet(from)).toMatchObject({ balance: 95_000, pending: 0 })
    expect(await scene.wallet(to)).toMatchObject({ balance: 105_000 })
  })

  it('whose hold has expired ends FAILED, with the money where it was', async () => {
    const [from = '', to = ''] = await scene.users(2)
    const { paymentId } = await scene.accept({ fromUserId: from, toUserId: to, holdMs: 1_000 })
    await waitFor(async () => (await scene.wallet(from)).available === 100_000)
    await worker()
    expect(await scene.ended(paymentId)).toEqual({
      status: 'FAILED',
      failureCode: 'hold_expired',
      resolvedBy: 'worker',
      events: ['payments.failed'],
    })
    expect(await scene.wallet(from)).toMatchObject({ balance: 100_000, available: 100_000 })
  })

  it('that nobody has written down is parked, not executed', async () => {
    const [from = '', to = ''] = await scene.users(2)
    await worker()
    const paymentId = randomUUID()
    const data = { paymentId, fromUserId: from, toUserId: to, amount: 1, currency: 'USD' as const }
    await bus.publish(PaymentExecute, data)
    await waitFor(async () => (await bus.queueDepth(`${QUEUES.execute}.parked`)).ready === 1)
    expect(await scene.wallet(from)).toMatchObject({ balance: 100_000 })
  })
})

describe('a worker killed', () => {
  it.each([
    ['after the wallet call', 'consumer.decided'],
    ['before the commit', 'consumer.recorded'],
    ['after the commit, before the ack', 'consumer.committed'],
  ])(
    'REV-02 REV-07 %s executes every payment once',
    async (_, point) => {
      for (let run = 0; run < crashRuns; run += 1) {
        await expect(killedAt(point)).resolves.toBeUndefined()
      }
    },
    crashRuns * 60_000,
  )

  async function killedAt(point: string): Promise<void> {
    const [from = '', to = ''] = await scene.users(2)
    const victim = await worker()
    await victim.child.arm(point, 'kill', { skip: randomInteger(0, 3) })
    const payments = await Promise.all(
      Array.from({ length: 4 }, () => scene.accept({ fromUserId: from, toUserId: to })),
    )
    expect(await victim.child.exited).toMatchObject({ signal: 'SIGKILL' })
    const successor = await worker()
    for (const { paymentId } of payments) {
      expect(await scene.ended(paymentId)).toMatchObject({
        status: 'COMPLETED',
        events: ['payments.completed'],
      })
    }
    expect(await scene.wallet(from)).toMatchObject({ balance: 80_000, pending: 0 })
    expect(await scene.wallet(to)).toMatchObject({ balance: 120_000 })
    if (point === 'consumer.committed') {
      // It was recorded but not acknowledged, so it comes again, and nothing is done.
      await waitFor(async () => (await settled(successor, 'duplicate')) >= 1, { timeoutMs: 60_000 })
    }
    await queueIsEmpty()
    expect(await successor.child.kill('SIGTERM')).toMatchObject({ code: 0, signal: null })
  }
})

/** A wallet-service that answers 503 to the first posting of each of these payments. */
async function walletBusyOnce(paymentIds: readonly string[]) {
  const left = new Set(paymentIds)
  const server = createServer((req, res) => {
    void (async () => {
      const body = await text(req)
      const { transferId } = z
        .object({ transferId: z.string().optional() })
        .parse(body === '' ? {} : JSON.parse(body))
      if (transferId !== undefined && left.delete(transferId)) {
        res.writeHead(503).end()
        return
      }
      const { authorization = '' } = req.headers
      const answer = await fetch(scene.walletUrl + req.url, {
        method: req.method ?? 'GET',
        headers: { authorization, 'content-type': 'application/json' },
        ...(body !== '' && { body }),
      })
      const type = answer.headers.get('content-type') ?? 'text/plain'
      res.writeHead(answer.status, { 'content-type': type }).end(await answer.text())
    })()
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    left,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => void server.close(resolve))
    },
  }
}

/** The instants at which the transactions began that ended these payments. */
async function momentsOf(payments: readonly { readonly paymentId: string }[]) {
  const ids = payments.map(({ paymentId }) => paymentId)
  const { rows } = await sql<{ at: string }>`
    select distinct extract(epoch from completed_at)::text as at
    from payments where id = any(${ids}::uuid[])`.execute(scene.transactions.db)
  return new Set(rows.map(({ at }) => at))
}

describe('a worker that records many ends in one transaction', () => {
  it('ends each of a batch as it has to: done, refused, reversed before, and tried again', async () => {
    const [from = '', to = ''] = await scene.users(2)
    const accept = (holdMs = 86_400_000) =>
      scene.accept({ fromUserId: from, toUserId: to, amount: 1_000, holdMs })
    const refused = []
    const reversed = []
    const done = []
    const again = []
    // One of each after another, so that they are beside each other in the queue as well.
    for (let round = 0; round < 5; round += 1) {
      refused.push(await accept(1_000))
      reversed.push(await accept())
      done.push(await accept())
      again.push(await accept())
    }
    for (const { paymentId } of reversed) await scene.sentLongAgo(paymentId)
    expect(await reversal.reversal.run()).toMatchObject({ reversed: 5, failed: 0 })
    await waitFor(async () => (await bus.queueDepth(QUEUES.execute)).ready === 20)
    await waitFor(async () => (await scene.wallet(from)).available === 90_000)

    await using wallet = await walletBusyOnce(again.map(({ paymentId }) => paymentId))
    const batching = await worker({
      WORKER_BATCH: '20',
      WORKER_CONCURRENCY: '20',
      WALLET_URL: wallet.url,
    })
    const completed = { status: 'COMPLETED', failureCode: null, resolvedBy: 'worker' }
    for (const [payments, end] of [
      [done, completed],
      [again, completed],
      [refused, { status: 'FAILED', failureCode: 'hold_expired', resolvedBy: 'worker' }],
      [reversed, { status: 'FAILED', failureCode: 'reversed_timeout', resolvedBy: 'reversal' }],
    ] as const) {
      const events = [end.status === 'COMPLETED' ? 'payments.completed' : 'payments.failed']
      for (const { paymentId } of payments) {
        expect(await scene.ended(paymentId)).toEqual({ ...end, events })
      }
    }
    expect(wallet.left).toHaveLength(0)
    await waitFor(async () => (await recorded(batching, 'late')) === 5)
    expect(await scene.wallet(from)).toMatchObject({ balance: 90_000, available: 90_000 })
    expect(await scene.wallet(to)).toMatchObject({ balance: 110_000 })
    // They were recorded together, whatever their ends; what was tried again, later.
    const [atDone, atRefused] = [await momentsOf(done), await momentsOf(refused)]
    const shared = (others: Set<string>) => [...others].filter((moment) => atDone.has(moment))
    expect(atDone.size).toBeLessThan(done.length)
    expect(shared(atRefused)).not.toEqual([])
    expect(shared(await momentsOf(again))).toEqual([])
  })

  it.each(['consumer.recorded', 'consumer.committed'])(
    'REV-02 REV-07 killed at %s executes every payment once',
    async (point) => {
      const [from = '', to = ''] = await scene.users(2)
      const payments = await Promise.all(
        Array.from({ length: 4 }, () => scene.accept({ fromUserId: from, toUserId: to })),
      )
      const inBatches = { WORKER_BATCH: '8' }
      const victim = await worker(inBatches)
      await victim.child.arm(point, 'kill')
      expect(await victim.child.exited).toMatchObject({ signal: 'SIGKILL' })
      const successor = await worker(inBatches)
      for (const { paymentId } of payments) {
        expect(await scene.ended(paymentId)).toMatchObject({
          status: 'COMPLETED',
          events: ['payments.completed'],
        })
      }
      expect(await scene.wallet(to)).toMatchObject({ balance: 120_000 })
      await queueIsEmpty()
      expect(await successor.child.kill('SIGTERM')).toMatchObject({ code: 0, signal: null })
    },
  )
})

describe('a message that comes late', () => {
  it('REV-04 does nothing for a payment that was reversed, and is acknowledged', async () => {
    const [from = '', to = ''] = await scene.users(2)
    const payment = await scene.accept({ fromUserId: from, toUserId: to })
    await scene.sentLongAgo(payment.paymentId)
    expect(await reversal.reversal.run()).toMatchObject({ reversed: 1, failed: 0 })

    const late = await worker()
    await ready(late)
    await waitFor(async () => (await recorded(late, 'late')) === 1)
    await queueIsEmpty()
    expect(await late.child.kill('SIGTERM')).toMatchObject({ code: 0 })
    expect(await scene.payment(payment.paymentId)).toEqual({
      status: 'FAILED',
      failureCode: 'reversed_timeout',
      resolvedBy: 'reversal',
      events: ['payments.failed'],
    })
    expect(await scene.wallet(from)).toMatchObject({ balance: 100_000, available: 100_000 })
    expect(await scene.wallet(to)).toMatchObject({ balance: 100_000 })
  })

  it('REV-01 REV-06 finds the payment completed when its worker froze after the money moved', async () => {
    const [from = '', to = ''] = await scene.users(2)
    const frozen = await worker()
    await frozen.child.arm('consumer.decided', 'stop')
    const { paymentId } = await scene.accept({ fromUserId: from, toUserId: to })
    await frozen.child.reached('consumer.decided', { timeoutMs: 60_000 })
    await scene.sentLongAgo(paymentId)

    expect(await reversal.reversal.run()).toMatchObject({ completed: 1, failed: 0 })
    frozen.child.go('consumer.decided')

    await waitFor(async () => (await recorded(frozen, 'late')) === 1)
    expect(await scene.payment(paymentId)).toEqual({
      status: 'COMPLETED',
      failureCode: null,
      resolvedBy: 'reversal',
      events: ['payments.completed'],
    })
    expect(await scene.wallet(to)).toMatchObject({ balance: 105_000 })
  })

  it('REV-06 moves no money when its worker froze before and the payment was reversed', async () => {
    const [from = '', to = ''] = await scene.users(2)
    const frozen = await worker()
    await frozen.child.arm('consumer.received', 'stop')
    const { paymentId } = await scene.accept({ fromUserId: from, toUserId: to })
    await frozen.child.reached('consumer.received', { timeoutMs: 60_000 })
    await scene.sentLongAgo(paymentId)

    expect(await reversal.reversal.run()).toMatchObject({ reversed: 1, failed: 0 })
    frozen.child.go('consumer.received')

    await waitFor(async () => (await recorded(frozen, 'late')) === 1)
    expect(await scene.payment(paymentId)).toMatchObject({
      status: 'FAILED',
      events: ['payments.failed'],
    })
    expect(await scene.wallet(from)).toMatchObject({ balance: 100_000, available: 100_000 })
    expect(await scene.wallet(to)).toMatchObject({ balance: 100_000 })
  })
})

describe('a worker told to stop', () => {
  it('finishes the payment it is at, then ends with 0', async () => {
    const [from = '', to = ''] = await scene.users(2)
    const stopping = await worker()
    await stopping.child.arm('consumer.decided', 'stop')
    const { paymentId } = await scene.accept({ fromUserId: from, toUserId: to })
    await stopping.child.reached('consumer.decided', { timeoutMs: 60_000 })
    const exited = stopping.child.kill('SIGTERM')
    await waitFor(() => stopping.child.stdout().includes('"stopping"'))
    stopping.child.go('consumer.decided')
    expect(await exited).toMatchObject({ code: 0, signal: null })
    expect(await scene.payment(paymentId)).toMatchObject({
      status: 'COMPLETED',
      resolvedBy: 'worker',
    })
  })
})

describe('a worker whose servers are away', () => {
  it('starts without wallet-service and executes when it is back', async () => {
    const [from = '', to = ''] = await scene.users(2)
    const { paymentId } = await scene.accept({ fromUserId: from, toUserId: to })
    await scene.stopWallet()
    const patient = await worker()
    await waitFor(() => patient.child.stdout().includes('message.retried'), { timeoutMs: 60_000 })
    expect(await scene.payment(paymentId)).toMatchObject({ status: 'PENDING' })
    await scene.startWalletAgain()
    expect(await scene.ended(paymentId)).toMatchObject({ status: 'COMPLETED' })
  })

  it('starts without RabbitMQ and executes when it is back', async () => {
    const [from = '', to = ''] = await scene.users(2)
    await rabbitmq.kill()
    const patient = await worker()
    await waitFor(async () => (await fetch(`${patient.url}/health/live`)).ok)
    const { status } = await fetch(`${patient.url}/health/ready`)
    expect(status).toBe(503)
    const { paymentId } = await scene.accept({ fromUserId: from, toUserId: to })
    await rabbitmq.start()
    expect(await scene.ended(paymentId, 90_000)).toMatchObject({ status: 'COMPLETED' })
    await ready(patient)
  })

  it('starts without PostgreSQL and executes when it is back', async () => {
    const postgres = await startPostgres()
    const apart = await Scene.open(postgres.url)
    try {
      const [from = '', to = ''] = await apart.users(2)
      await postgres.kill()
      const patient = await startWorker(apart, rabbitmq.url)
      workers.push(patient)
      await waitFor(async () => (await fetch(`${patient.url}/health/live`)).ok)
      await postgres.start()
      await ready(patient)
      await apart.connect(rabbitmq.url)
      const { paymentId } = await apart.accept({ fromUserId: from, toUserId: to })
      expect(await apart.ended(paymentId)).toMatchObject({ status: 'COMPLETED' })
      await patient.child.kill('SIGTERM')
    } finally {
      await apart[Symbol.asyncDispose]()
      await postgres.stop()
    }
  })
})
