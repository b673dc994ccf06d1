// A process is killed with SIGKILL at a named point of a protected request; another one gets the retry.
// The effect is a counter that every execution increases.
import { sharedServers, spawnChild, uniqueName, waitFor } from '@payflow/testkit'
import type { Child } from '@payflow/testkit'
import { describe, expect, it } from 'vitest'
import { createIdempotency, presets } from '../src/index.ts'
import type { PolicyOptions, RecordView } from '../src/index.ts'
import { redisStore } from '../src/redis/index.ts'
import { send } from './support/http.ts'
import type { WireResponse } from './support/http.ts'
import { connect } from './support/redis.ts'

const program = new URL('./support/crash-app.ts', import.meta.url)

interface Scene extends AsyncDisposable {
  /** Asks the process that lives. */
  pay(): Promise<WireResponse>
  effects(): Promise<number>
  record(): Promise<RecordView | undefined>
}

/** Two processes share a Redis; one gets the payment and dies at the point. */
async function crashAt(point: string, policy: PolicyOptions): Promise<Scene> {
  const client = connect()
  const prefix = `${uniqueName('crash')}:`
  const POLICY = JSON.stringify({ ...policy, leaseMs: 1_500 })
  const env = { REDIS_URL: sharedServers().redisUrl, PREFIX: prefix, POLICY }
  const boot = async () => {
    const child: Child = await spawnChild(program, { env })
    const { port } = await child.message<{ port: number }>((m) => m.port !== undefined)
    const url = `http://127.0.0.1:${port}`
    return { child, pay: () => send(url, { key: 'payment-1', body: { amount: 1 } }) }
  }
  const [victim, survivor] = await Promise.all([boot(), boot()])
  await victim.child.arm(point, 'kill')
  await expect(victim.pay()).rejects.toThrow(/hang up|ECONNRESET/)
  expect((await victim.child.exited).signal).toBe('SIGKILL')
  const store = redisStore({ client, prefix, deadlineMs: 5_000 })
  const idempotency = createIdempotency({ store, scope: () => 'ada' })
  return {
    pay: survivor.pay,
    effects: async () => Number(await client.get(`${prefix}effects`)),
    record: () => idempotency.inspect({ name: 'POST /', key: 'payment-1' }),
    async [Symbol.asyncDispose]() {
      await survivor.child.kill()
    },
  }
}

/** Retries as a client does: Retry-After means "not yet". */
async function settledAnswer(scene: Scene): Promise<WireResponse> {
  return waitFor(async () => {
    const answer = await scene.pay()
    return answer.headers['retry-after'] === undefined ? answer : undefined
  })
}

describe('a process that is killed', () => {
  it.each(['payments', 'convenience'] as const)(
    'IDEM-05 before its effect blocks the key for one lease only: the retry executes (%s)',
    async (preset) => {
      await using scene = await crashAt('claim.acquired', {
        ...presets[preset],
        commitPoint: 'explicit',
      })
      expect(await scene.effects()).toBe(0)
      const left = await scene.record()
      expect((await scene.pay()).status).toBe(409)
      const answer = await settledAnswer(scene)
      expect(answer.json()).toMatchObject({ effects: 1, attempt: 2 })
      expect(answer.json().fence).toBeGreaterThan(left!.fence)
      expect((await scene.pay()).headers['idempotent-replayed']).toBe('true')
      expect(await scene.effects()).toBe(1)
    },
  )

  it.each([
    ['handler.committed', 0],
    ['handler.done', 1],
    ['claim.completing', 1],
  ])(
    'IDEM-06 at %s never pays again: the outcome is unknown, and says so',
    async (point, effects) => {
      await using scene = await crashAt(point, presets.payments)
      expect((await scene.pay()).json().code).toBe('idempotency_in_progress')
      const answer = await settledAnswer(scene)
      expect([answer.status, answer.json().code]).toEqual([409, 'idempotency_indeterminate'])
      expect((await scene.pay()).json().code).toBe('idempotency_indeterminate')
      expect(await scene.effects()).toBe(effects)
    },
  )

  it('IDEM-04 right after storing, before the answer leaves, is replayed by another process', async () => {
    await using scene = await crashAt('claim.completed', presets.payments)
    const answer = await scene.pay()
    expect(answer.headers['idempotent-replayed']).toBe('true')
    expect(answer.json()).toMatchObject({ effects: 1, attempt: 1 })
    expect(await scene.effects()).toBe(1)
  })

  it('after its effect pays again under the convenience preset, as that one says', async () => {
    await using scene = await crashAt('handler.done', presets.convenience)
    expect((await settledAnswer(scene)).json()).toMatchObject({ effects: 2, attempt: 2 })
  })
})
