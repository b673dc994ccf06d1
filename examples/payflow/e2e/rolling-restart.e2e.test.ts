/*
 * Goal: a new version can be rolled out at any hour. While every process is restarted, one after
 * another, a client that keeps to the contract gets its answer, and nothing is lost.
 * Method: clients pay and read without pause; each process in turn gets SIGTERM and is started again
 * by the supervisor. There is one of each, so between two lives nobody listens: then a connection is
 * refused, which a client repeats like an answer that tells it to. Everything a client ever saw is
 * kept and judged, then an auditor reads the databases.
 */
import { randomUUID } from 'node:crypto'
import { pause, waitFor } from '@payflow/testkit'
import { startStack, SERVICE_NAMES, type Stack } from '@payflow-app/stack'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { auditAll, auditKeys, settle, SOUND, User, type Payment } from './src/index.ts'

const CLIENTS = 3
/** What the processes of a stack may take to end (`SHUTDOWN_DEADLINE_MS`), and a slow machine. */
const END_TIMEOUT_MS = 10_000

/** What a client saw of one request: an answer, or how there was none. */
interface Seen {
  readonly request: string
  readonly result: number | 'no answer' | 'half an answer'
  readonly type: string | undefined
  readonly body: string
}

type Init = { readonly headers?: Readonly<Record<string, string>>; readonly body?: string }

interface Accepted {
  readonly user: User
  readonly key: string
  readonly id: string
}

let stack: Stack
let users: User[]
const deaths: string[] = []
const seen: Seen[] = []

beforeAll(async () => {
  stack = await startStack({
    restartDelayMaxMs: 200,
    env: { gateway: { PAYFLOW_RATE_LIMITS: 'off' } },
    onDeath: (sentence) => deaths.push(sentence),
  })
  users = await Promise.all(Array.from({ length: CLIENTS }, () => User.register(stack.url)))
})
afterAll(async () => {
  await stack?.stop()
})

describe('a rolling restart under load', () => {
  it('costs no request that a client with its key could not repeat, and no payment', async () => {
    const over = new AbortController()
    const paying = users.map((user) => payUntil(over.signal, user))
    const reading = users.map((user) => readUntil(over.signal, user))
    const tookMs: Record<string, number> = {}
    for (const name of SERVICE_NAMES) tookMs[name] = await restart(name)
    over.abort()
    const accepted = (await Promise.all(paying)).flat()
    await Promise.all(reading)

    expect(deaths).toEqual(
      SERVICE_NAMES.map((name) => `${name} ended (exit code 0); starting it again`),
    )
    const what = `${JSON.stringify(tookMs)}\n${summaryOf(seen)}`
    expect(seen.filter(isNotAllowed), what).toEqual([])
    expect(accepted.length, what).toBeGreaterThan(SERVICE_NAMES.length * CLIENTS)
    for (const { user, id } of accepted) {
      expect(await settle(user, id, 60_000), what).toMatchObject({ status: 'COMPLETED' })
    }
    expect(await auditAll(stack), what).toMatchObject({ ...SOUND, payments: accepted.length })
    expect(await auditKeys(stack), what).toEqual({
      payments: Object.fromEntries(accepted.map(({ key, id }) => [key, id])),
      undecided: [],
      heldWithoutPayment: [],
    })
  })
})

describe('a process that is told to stop', () => {
  it('answers the payment that it is accepting, and takes no other', async () => {
    const [ada, grace] = users as [User, User]
    await stack.arm('transaction', 'payment.held', 'stop')
    const paid = ada.pay({ toUserId: grace.id, amount: 1 })
    await stack.reached('transaction', 'payment.held')
    const stopped = stack.stopService('transaction')
    await waitFor(async () => (await stateOf('transaction')) === 'refused')
    stack.go('transaction', 'payment.held')
    const { status, body } = await paid
    await stopped
    expect(status).toBe(202)
    await stack.startService('transaction')
    expect(await settle(ada, body.id, 30_000)).toMatchObject({ status: 'COMPLETED' })
  })

  it('executes the payment that it has in hand', async () => {
    const [ada, grace] = users as [User, User]
    await stack.arm('worker', 'consumer.decided', 'stop')
    const { body } = await ada.payUntilAnswered({ toUserId: grace.id, amount: 1 })
    await stack.reached('worker', 'consumer.decided')
    const stopped = stack.stopService('worker')
    await waitFor(async () => (await stateOf('worker')) === 'refused')
    stack.go('worker', 'consumer.decided')
    await stopped
    // Nobody else could have: there is no worker now.
    expect(await ada.payment(body.id)).toMatchObject({ status: 'COMPLETED' })
    await stack.startService('worker')
  })
})

/** Milliseconds until the process that got SIGTERM had ended; resolves when the next one is ready. */
async function restart(name: (typeof SERVICE_NAMES)[number]): Promise<number> {
  const before = deaths.length
  const startedAt = performance.now()
  await stack.kill(name, 'SIGTERM')
  await waitFor(() => deaths.length > before, {
    timeoutMs: END_TIMEOUT_MS,
    message: `${name} to end after SIGTERM`,
  })
  const tookMs = Math.round(performance.now() - startedAt)
  await waitFor(() => stack.pid(name) !== 0, { message: `${name} to be started again` })
  await stack.ready(60_000)
  return tookMs
}

/** Whether a process still takes connections. */
async function stateOf(name: (typeof SERVICE_NAMES)[number]): Promise<'answers' | 'refused'> {
  return await fetch(`${stack.serviceUrl(name)}/health/live`).then(
    () => 'answers' as const,
    () => 'refused' as const,
  )
}

async function payUntil(over: AbortSignal, user: User): Promise<Accepted[]> {
  const accepted: Accepted[] = []
  const others = users.filter(({ id }) => id !== user.id)
  while (!over.aborted) {
    const key = randomUUID()
    const { id: toUserId } = others[accepted.length % others.length]!
    const body = JSON.stringify({ toUserId, amount: 1 + (accepted.length % 9), currency: 'USD' })
    const payment = await untilAnswered(user, 'POST /api/transactions', {
      headers: { 'content-type': 'application/json', 'idempotency-key': key },
      body,
    })
    accepted.push({ user, key, id: (payment as Payment).id })
    await pause(30)
  }
  return accepted
}

async function readUntil(over: AbortSignal, user: User): Promise<void> {
  while (!over.aborted) {
    await untilAnswered(user, 'GET /api/wallets/me')
    await untilAnswered(user, 'GET /api/transactions?limit=5')
    await untilAnswered(user, 'GET /api/notifications')
    await untilAnswered(user, 'GET /api/auth/me')
    await pause(30)
  }
}

/** Repeats the request, as the contract tells a client to, until it is answered for good. */
async function untilAnswered(user: User, request: string, init: Init = {}): Promise<unknown> {
  const deadline = performance.now() + 60_000
  while (performance.now() < deadline) {
    const one = await send(user, request, init)
    seen.push(one)
    if (one.result === 200 || one.result === 202) return JSON.parse(one.body) as unknown
    if (isNotAllowed(one)) break
    await pause(50)
  }
  throw new Error(`${request} was not answered:\n${JSON.stringify(seen.at(-1))}`)
}

async function send(user: User, request: string, init: Init): Promise<Seen> {
  const [method = '', path = ''] = request.split(' ')
  const headers = new Headers(init.headers)
  headers.set('authorization', `Bearer ${user.accessToken}`)
  const signal = AbortSignal.timeout(30_000)
  const response = await fetch(stack.url + path, { ...init, method, headers, signal }).catch(
    () => undefined,
  )
  if (response === undefined) return { request, result: 'no answer', type: undefined, body: '' }
  const type = response.headers.get('content-type') ?? undefined
  const body = await response.text().catch(() => undefined)
  if (body === undefined) return { request, result: 'half an answer', type, body: '' }
  return { request, result: response.status, type, body }
}

/** What the contract tells a client to repeat, said as the contract says it. */
const RETRYABLE: readonly unknown[] = [409, 425, 429, 502, 503, 504]

function isNotAllowed({ result, type }: Seen): boolean {
  if (result === 200 || result === 202 || result === 'no answer') return false
  return !(RETRYABLE.includes(result) && type?.startsWith('application/problem+json') === true)
}

function summaryOf(all: readonly Seen[]): string {
  const groups = Object.groupBy(all, ({ request, result }) => `${request}: ${result}`)
  return Object.entries(groups)
    .map(([name, group]) => `${name} × ${group?.length}`)
    .join('\n')
}
