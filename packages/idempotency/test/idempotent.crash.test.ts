// A process is killed with SIGKILL at a named point of a protected request; another one gets the
// retry. The effect is a counter that every execution increases.
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

interface Program {
  readonly child: Child
  pay(): Promise<WireResponse>
}

interface Scene extends AsyncDisposable {
  /** Meets the fault. */
  readonly victim: Program
  /** Asks the process that lives. */
  pay(): Promise<WireResponse>
  effects(): Promise<number>
  record(): Promise<RecordView | undefined>
  /** Redis' clock, in milliseconds. */
  now(): Promise<number>
}

/** Two processes that share a Redis. */
async function twoProcesses(policy: PolicyOptions): Promise<Scene> {
  const client = connect()
  const prefix = `${uniqueName('crash')}:`
  const POLICY = JSON.stringify({ ...policy, leaseMs: 1_500 })
  const env = { REDIS_URL: sharedServers().redisUrl, PREFIX: prefix, POLICY }
  const boot = async (): Promise<Program> => {
    const child = await spawnChild(program, { env })
    const { port } = await child.message<{ port: number }>((m) => m.port !== undefined)
    const url = `http://127.0.0.1:${port}`
    return { child, pay: () => send(url, { key: 'payment-1', body: { amount: 1 } }) }
  }
  const [victim, survivor] = await Promise.all([boot(), boot()])
  const store = redisStore({ client, prefix, deadlineMs: 5_000 })
  const idempotency = createIdempotency({ store, scope: () => 'ada' })
  return {
    victim,
    pay: survivor.pay,
    effects: async () => Number(await client.get(`${prefix}effects`)),
    now: async () => Number((await client.time())[0]) * 1_000,
    record: () => idempotency.inspect({ name: 'POST /', key: 'payment-1' }),
    async [Symbol.asyncDispose]() {
      await Promise.all([victim.child.kill(), survivor.child.kill()])
    },
  }
}

/** The victim gets the payment and dies at the point. */
async function crashAt(point: string, policy: PolicyOptions): Promise<Scene> {
  const scene = await twoProcesses(policy)
  await scene.victim.child.arm(point, 'kill')
  await expect(scene.victim.pay()).rejects.toThrow(/hang up|ECONNRESET/)
  expect((await scene.victim.child.exited).signal).toBe('SIGKILL')
  return scene
}

/** The victim gets the payment and is held at the point. */
async function heldAt(
  point: string,
  policy: PolicyOptions,
): Promise<Scene & { readonly answer: Promise<WireResponse> }> {
  const scene = await twoProcesses(policy)
  await scene.victim.child.arm(point, 'stop')
  const answer = scene.victim.pay()
  await scene.victim.child.reached(point)
  return Object.assign(scene, { answer })
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

describe('a process that stands still for longer than its lease', () => {
  it('IDEM-47 IDEM-08 is replaced where work may run twice, and its late result is refused', async () => {
    await using scene = await heldAt('handler.done', presets.convenience)
    // A stopped process is what a blocked event loop looks like from outside: no renewal, no timer.
    process.kill(scene.victim.child.pid, 'SIGSTOP')
    expect((await settledAnswer(scene)).json()).toMatchObject({ effects: 2, attempt: 2 })
    process.kill(scene.victim.child.pid, 'SIGCONT')
    scene.victim.child.go('handler.done')
    expect((await scene.answer).json()).toMatchObject({ effects: 1, attempt: 1 })
    expect((await scene.pay()).json()).toMatchObject({ effects: 2, attempt: 2 })
  })

  it('IDEM-47 is not replaced where work must not run twice, and may still bring its result', async () => {
    await using scene = await heldAt('handler.done', presets.payments)
    process.kill(scene.victim.child.pid, 'SIGSTOP')
    expect((await settledAnswer(scene)).json().code).toBe('idempotency_indeterminate')
    process.kill(scene.victim.child.pid, 'SIGCONT')
    scene.victim.child.go('handler.done')
    expect((await scene.answer).status).toBe(201)
    const replay = await scene.pay()
    expect(replay.headers['idempotent-replayed']).toBe('true')
    expect(replay.json()).toMatchObject({ effects: 1, attempt: 1 })
    expect(await scene.effects()).toBe(1)
  })
})

describe('a process that is asked to stop', () => {
  it('IDEM-41 keeps its claim while the handler ends, and leaves the result behind', async () => {
    await using scene = await heldAt('handler.committed', presets.payments)
    process.kill(scene.victim.child.pid, 'SIGTERM')
    // Still renewed after a whole lease: without renewal it could not be running any more.
    await waitFor(async () => {
      const view = (await scene.record())!
      return view.createdAt.getTime() + 2 * 1_500 < (await scene.now()) && view.leaseRemainingMs > 0
    })
    expect((await scene.pay()).json().code).toBe('idempotency_in_progress')
    scene.victim.child.go('handler.committed')
    expect((await scene.answer).status).toBe(201)
    expect((await scene.victim.child.exited).code).toBe(0)
    expect((await scene.pay()).headers['idempotent-replayed']).toBe('true')
    expect(await scene.effects()).toBe(1)
  })
})
