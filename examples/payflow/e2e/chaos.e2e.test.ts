/*
 * Goal: whatever dies or freezes, in whatever order, every request that is repeated with its key
 * ends in one final answer, and every accepted payment ends once.
 * Method: clients pay without pause, as the contract tells them to, while a seeded sequence of
 * kills and freezes hits the seven processes and the three servers. Afterwards an auditor reads the
 * databases. The seed fixes what happens and in which order; how far each payment has come by then
 * differs from run to run, which is the point of having many of them.
 */
import { randomUUID } from 'node:crypto'
import { pause, random, randomInteger, seed, waitFor, type ServerKind } from '@payflow/testkit'
import { startStack, type ServiceName, type Stack } from '@payflow-app/stack'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { auditAll, auditKeys, settle, SOUND, User, type Answer, type Payment } from './src/index.ts'

/** `CHAOS_SECONDS=600 npm test -- chaos` for a long one. */
const CHAOS_MS = Number(process.env['CHAOS_SECONDS'] ?? 45) * 1_000
const CLIENTS = 4
/** A client that is told to wait through all of it still gets its answer. */
const ANSWER_TIMEOUT_MS = CHAOS_MS + 120_000

const SERVICES: readonly ServiceName[] = [
  'gateway',
  'auth',
  'transaction',
  'wallet',
  'worker',
  'reversal',
  'notification',
]
const SERVERS: readonly ServerKind[] = ['postgres', 'redis', 'rabbitmq']

/** One payment that a client wants, and what it was told in the end. */
interface Intent {
  readonly user: User
  readonly key: string
  readonly toUserId: string
  readonly amount: number
  readonly answer: Answer<Payment>
}

let stack: Stack
let users: User[]

beforeAll(async () => {
  stack = await startStack({
    // The leashes are shorter than the chaos, so that the reversal runs in the middle of it.
    env: {
      reversal: {
        DISPATCH_TIMEOUT_MS: '5000',
        PROCESSING_TIMEOUT_MS: '15000',
        REVERSAL_INTERVAL_MS: '1000',
      },
    },
    restartDelayMaxMs: 500,
  })
  users = await Promise.all(Array.from({ length: CLIENTS }, () => User.register(stack.url)))
})
afterAll(async () => {
  await stack?.stop()
})

describe('seeded chaos', () => {
  it('leaves one payment a key, each ended once, and books that add up', async () => {
    const over = performance.now() + CHAOS_MS
    const clients = users.map((user) => payUntil(over, user))
    const happened = await harmUntil(over)
    const what = `seed ${seed()}:\n${happened.join('\n')}`
    await stack.ready(120_000)
    const intents = (await Promise.all(clients)).flat()

    for (const { user, answer } of intents) {
      expect([202, 422], what).toContain(answer.status)
      if (answer.status === 202) await settle(user, answer.body.id, 60_000)
    }
    await repeatAll(intents, what)
    const accepted = intents.filter(({ answer }) => answer.status === 202)
    expect(accepted.length, what).toBeGreaterThan(CLIENTS)
    expect(await auditAll(stack), what).toMatchObject({ ...SOUND, payments: accepted.length })
    const ids = accepted.map(({ key, answer }) => [key, answer.body.id])
    expect(await auditKeys(stack), what).toEqual({
      payments: Object.fromEntries(ids),
      undecided: [],
      heldWithoutPayment: [],
    })
    await expectNormalService()
  })
})

/** Pays one payment after another, each until it is answered for good. */
async function payUntil(over: number, user: User): Promise<Intent[]> {
  const intents: Intent[] = []
  const others = users.filter(({ id }) => id !== user.id)
  while (performance.now() < over) {
    const key = randomUUID()
    const { id: toUserId } = others[intents.length % others.length]!
    // Now and then more than there is, for refusals have to be repeatable as well.
    const amount = intents.length % 10 === 9 ? 10_000_000 : 1 + (intents.length % 100)
    const answer = await user.payUntilAnswered({ toUserId, amount }, key, ANSWER_TIMEOUT_MS)
    intents.push({ user, key, toUserId, amount, answer })
    await pause(50)
  }
  return intents
}

/** A process or a server, and what may be done to it. */
interface Victim {
  readonly name: string
  readonly kill: (forMs: number) => Promise<void>
  readonly freeze: (forMs: number) => Promise<void>
}

/** Harms overlap: the next begins while earlier ones last, but never two of the same victim. */
async function harmUntil(over: number): Promise<string[]> {
  const victims = [...SERVICES.map(service), ...SERVERS.map(server)]
  const underway = new Map<string, Promise<void>>()
  const happened: string[] = []
  while (performance.now() < over) {
    const victim = victims[randomInteger(0, victims.length - 1)]!
    const kill = random() < 0.5
    const forMs = randomInteger(200, 8_000)
    const pauseMs = randomInteger(100, 3_000)
    const { name } = victim
    if (!underway.has(name)) {
      happened.push(`${kill ? 'kill' : 'freeze'} ${name} (${forMs} ms)`)
      const harm = kill ? victim.kill(forMs) : victim.freeze(forMs)
      underway.set(
        name,
        harm.finally(() => underway.delete(name)),
      )
    }
    await pause(pauseMs)
  }
  await Promise.all(underway.values())
  return happened
}

/** A killed process is started again by the supervisor, as soon as it can. */
function service(name: ServiceName): Victim {
  return {
    name,
    kill: () => stack.kill(name),
    freeze: async (forMs) => {
      await stack.freeze(name)
      await pause(forMs)
      await stack.resume(name)
    },
  }
}

function server(kind: ServerKind): Victim {
  return {
    name: kind,
    kill: async (forMs) => {
      await stack.killServer(kind)
      await pause(forMs)
      await stack.startServer(kind)
    },
    freeze: async (forMs) => {
      const { own } = stack.server(kind)
      own?.freeze()
      await pause(forMs)
      own?.resume()
    },
  }
}

/** The same request with the same key has the same answer, now and for ever. */
async function repeatAll(intents: readonly Intent[], what: string): Promise<void> {
  const byUser = Map.groupBy(intents, ({ user }) => user)
  await Promise.all(
    [...byUser.values()].map(async (own) => {
      for (const { user, key, toUserId, amount, answer } of own) {
        const again = await user.payUntilAnswered({ toUserId, amount }, key)
        expect([again.status, again.body.id], what).toEqual([answer.status, answer.body.id])
      }
    }),
  )
}

/** Nothing is left that only a person could mend: a new payment completes within seconds. */
async function expectNormalService(): Promise<void> {
  const [ada, grace] = users as [User, User]
  const { body } = await ada.payUntilAnswered({ toUserId: grace.id, amount: 1 })
  expect(await settle(ada, body.id, 30_000)).toMatchObject({ status: 'COMPLETED' })
  const told = await waitFor(
    async () => {
      const { body: page } = await ada.get<{ items: { paymentId?: string }[] }>(
        '/api/notifications',
      )
      return page.items.find(({ paymentId }) => paymentId === body.id)
    },
    { timeoutMs: 60_000, message: 'a notification of the payment' },
  )
  expect(told).toBeDefined()
}
