// The reversal job of PayFlow against the real wallet-service and its ledger; no broker anywhere:
// that is one of the things it is for.
import { fileURLToPath } from 'node:url'
import { freePort, spawnChild, waitFor } from '@payflow/testkit'
import { sql } from 'kysely'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { PaymentReversal } from '../src/reversal.ts'
import { reversalOf } from './support/processes.ts'
import { Scene } from './support/scene.ts'

const noBroker = 'amqp://127.0.0.1:1'
let scene: Scene
let job: PaymentReversal

beforeAll(async () => {
  scene = await Scene.open()
  job = reversalOf(scene, noBroker)
})
afterEach(async () => {
  await scene.requirePossibleHistories()
})
afterAll(async () => {
  await job.close()
  await scene[Symbol.asyncDispose]()
})

describe('the reversal of payments', () => {
  it('REV-13 fails what the broker never confirmed, and frees the money', async () => {
    const [from = '', to = ''] = await scene.users(2)
    const payment = await scene.accept({ fromUserId: from, toUserId: to, createdMsAgo: 61_000 })
    expect(await scene.wallet(from)).toMatchObject({ balance: 100_000, available: 95_000 })

    expect(await job.reversal.run()).toMatchObject({ reversed: 1, failed: 0 })

    expect(await scene.payment(payment.paymentId)).toEqual({
      status: 'FAILED',
      failureCode: 'reversed_timeout',
      resolvedBy: 'reversal',
      events: ['payments.failed'],
    })
    expect(await scene.wallet(from)).toMatchObject({ balance: 100_000, available: 100_000 })
    expect(await scene.wallet(to)).toMatchObject({ balance: 100_000 })
  })

  it('REV-10 stops the message of a reversed payment in the same transaction', async () => {
    const [from = '', to = ''] = await scene.users(2)
    const { paymentId, messageId } = await scene.accept({
      fromUserId: from,
      toUserId: to,
      createdMsAgo: 61_000,
    })
    const written = async () => {
      const { state } = await scene.transactions.db
        .selectFrom('queue.outbox')
        .select('state')
        .where('id', '=', messageId)
        .executeTakeFirstOrThrow()
      const { status, events } = await scene.payment(paymentId)
      return { state, status, events }
    }
    const nothing = { state: 'pending', status: 'PENDING', events: [] }
    const recording: unknown[] = []
    const dying = reversalOf(scene, noBroker, async (point) => {
      if (point !== 'reversal.recording') return
      recording.push(await written())
      throw new Error('died before its COMMIT')
    })
    try {
      expect(await dying.reversal.run()).toMatchObject({ failed: 1, reversed: 0 })
    } finally {
      await dying.close()
    }
    expect(recording).toEqual([nothing])
    expect(await written()).toEqual(nothing)

    await job.reversal.run()
    const all = { state: 'cancelled', status: 'FAILED', events: ['payments.failed'] }
    expect(await written()).toEqual(all)
  })

  it('REV-13 leaves an honest backlog alone', async () => {
    const [from = '', to = ''] = await scene.users(2)
    const { paymentId } = await scene.accept({
      fromUserId: from,
      toUserId: to,
      createdMsAgo: 600_000,
      dispatchedMsAgo: 599_000,
    })
    expect(await job.reversal.run()).toMatchObject({ scanned: 0 })
    expect(await scene.payment(paymentId)).toMatchObject({ status: 'PENDING', events: [] })
  })

  it('REV-13 ends what the broker has confirmed and lost, and frees the money', async () => {
    const [from = '', to = ''] = await scene.users(2)
    const { paymentId } = await scene.accept({
      fromUserId: from,
      toUserId: to,
      createdMsAgo: 1_000_000,
      dispatchedMsAgo: 901_000,
    })

    expect(await job.reversal.run()).toMatchObject({ reversed: 1, failed: 0 })

    expect(await scene.payment(paymentId)).toMatchObject({
      status: 'FAILED',
      failureCode: 'reversed_timeout',
      events: ['payments.failed'],
    })
    expect(await scene.wallet(from)).toMatchObject({ balance: 100_000, available: 100_000 })
  })

  it('REV-06 completes a payment whose money had been posted', async () => {
    const [from = '', to = ''] = await scene.users(2)
    const payment = await scene.accept({
      fromUserId: from,
      toUserId: to,
      createdMsAgo: 1_000_000,
      dispatchedMsAgo: 901_000,
    })
    await scene.post(payment)

    expect(await job.reversal.run()).toMatchObject({ completed: 1, failed: 0 })

    expect(await scene.payment(payment.paymentId)).toEqual({
      status: 'COMPLETED',
      failureCode: null,
      resolvedBy: 'reversal',
      events: ['payments.completed'],
    })
    expect(await scene.wallet(from)).toMatchObject({ balance: 95_000, available: 95_000 })
    expect(await scene.wallet(to)).toMatchObject({ balance: 105_000 })
  })

  it('REV-06 reverses a payment whose hold had expired by itself', async () => {
    const [from = '', to = ''] = await scene.users(2)
    const { paymentId } = await scene.accept({
      fromUserId: from,
      toUserId: to,
      createdMsAgo: 61_000,
      holdMs: 1_000,
    })
    await waitFor(async () => (await scene.wallet(from)).available === 100_000)
    expect(await job.reversal.run()).toMatchObject({ reversed: 1 })
    expect(await scene.payment(paymentId)).toMatchObject({ failureCode: 'reversed_timeout' })
  })

  it('REV-14 keeps its decision in the ledger: wallet-service starts again and posts nothing', async () => {
    const [from = '', to = ''] = await scene.users(2)
    const payment = await scene.accept({ fromUserId: from, toUserId: to, createdMsAgo: 61_000 })
    expect(await job.reversal.run()).toMatchObject({ reversed: 1 })
    await scene.stopWallet()
    await scene.startWalletAgain()
    await expect(scene.post(payment)).rejects.toThrow('hold-released')
    expect(await scene.wallet(from)).toMatchObject({ balance: 100_000, available: 100_000 })
  })

  it('decides nothing while wallet-service is away, and ends the payment after', async () => {
    const [from = '', to = ''] = await scene.users(2)
    const { paymentId } = await scene.accept({
      fromUserId: from,
      toUserId: to,
      createdMsAgo: 61_000,
    })
    await scene.stopWallet()
    expect(await job.reversal.run()).toMatchObject({ scanned: 1, failed: 1, reversed: 0 })
    expect(await scene.payment(paymentId)).toMatchObject({ status: 'PENDING', events: [] })
    await scene.startWalletAgain()
    expect(await job.reversal.run()).toMatchObject({ reversed: 1 })
    expect(await scene.payment(paymentId)).toMatchObject({ events: ['payments.failed'] })
  })
})

describe('the processes', () => {
  it('runs once as a command, the way a CronJob starts it', async () => {
    const [from = '', to = ''] = await scene.users(2)
    const { paymentId } = await scene.accept({
      fromUserId: from,
      toUserId: to,
      createdMsAgo: 61_000,
    })
    const config = fileURLToPath(new URL('../src/reversal-config.ts', import.meta.url))
    const bin = new URL('../../../../packages/reversal/src/bin.ts', import.meta.url)
    const command = await spawnChild(bin, {
      args: ['run', '--json', '--config', config],
      env: scene.environment(noBroker),
    })
    expect({ ...(await command.exited), stderr: command.stderr() }).toMatchObject({
      code: 0,
      stderr: '',
    })
    expect(command.stdout()).toContain('"reversed":1')
    expect(await scene.payment(paymentId)).toMatchObject({ resolvedBy: 'reversal' })
    const { rows } = await sql`select last_success_at is not null as succeeded
      from reversal.job where name = 'payments'`.execute(scene.transactions.db)
    expect(rows).toEqual([{ succeeded: true }])
  })

  it('watches as a service: settles, shows health and metrics, ends on SIGTERM', async () => {
    const [from = '', to = ''] = await scene.users(2)
    const port = await freePort()
    const watch = await spawnChild(new URL('../src/reversal-main.ts', import.meta.url), {
      env: scene.environment(noBroker, { PORT: `${port}`, REVERSAL_INTERVAL_MS: '100' }),
    })
    const url = `http://127.0.0.1:${port}`
    await waitFor(async () => (await fetch(`${url}/health/ready`)).ok)
    const { paymentId } = await scene.accept({
      fromUserId: from,
      toUserId: to,
      createdMsAgo: 61_000,
    })
    expect(await scene.ended(paymentId)).toMatchObject({ resolvedBy: 'reversal' })
    await waitFor(async () =>
      /^payflow_reversal_rows_total\{[^}]*outcome="reversed"[^}]*\} 1$/m.test(
        await (await fetch(`${url}/metrics`)).text(),
      ),
    )
    expect(await watch.kill('SIGTERM')).toMatchObject({ code: 0, signal: null })
  })
})
