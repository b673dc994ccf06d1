/*
 * Goal: whatever is sent to whichever route, PayFlow answers, with nothing but what its contract
 * says, and no money is made or lost.
 * Method: requests generated from the contracts against every process of PayFlow. A few hundred here;
 * `npm run fuzz -- --full` sends 2,000 to each route. TEST_SEED replays a run.
 */
import { isDeepStrictEqual } from 'node:util'
import { PROBLEMS, problemSchema, type ProblemCode } from '@payflow-app/contracts'
import { API_OPERATIONS, apiRoute, problemsOf, type ApiOperation } from '@payflow-app/contracts/api'
import { startStack, type Stack } from '@payflow-app/stack'
import { eventsIn } from '@payflow-app/testing'
import { waitFor } from '@payflow/testkit'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { z } from 'zod'
import { requestsTo, type Generated, type Known } from './src/hostile.ts'
import { auditAll, fromBankMinor, settle, SOUND, User } from './src/index.ts'

const runs = Number(process.env['PAYFLOW_FUZZ_RUNS'] ?? 40)
const users = 2
const openingMinor = 100_000

/** Longer than any deadline of the gateway: what takes longer hangs. */
const HANG_MS = 30_000

let stack: Stack
let people: User[]
let leaver: User
/** Who is paid, and what else can be asked for by an id. */
let payment: Known
let thing: Known

beforeAll(async () => {
  // On a busy machine a service may take its time; that is not what is looked for.
  stack = await startStack({
    env: {
      gateway: { UPSTREAM_TIMEOUT_MS: '25000' },
      transaction: { WALLET_TIMEOUT_MS: '20000' },
      all: { LOG_LEVEL: 'warn' },
    },
  })
  people = await Promise.all(Array.from({ length: users }, () => User.register(stack.url)))
  leaver = await User.register(stack.url)
  const paid = await people[0]!.pay({ toUserId: people[1]!.id, amount: 1 })
  await settle(people[0]!, paid.body.id, 60_000)
  // What can be refunded.
  const got = await people[1]!.pay({ toUserId: people[0]!.id, amount: 1_000 })
  await settle(people[0]!, got.body.id, 60_000)
  const told = () => people[0]!.get<{ items: { id: string }[] }>('/api/notifications')
  const notification = await waitFor(async () => (await told()).body.items[0]?.id, {
    timeoutMs: 60_000,
    message: 'the notification of the payment',
  })
  payment = { ownId: people[0]!.id, ids: [people[1]!.id] }
  thing = { ownId: people[0]!.id, ids: [people[1]!.id, paid.body.id, got.body.id, notification] }
})
afterAll(async () => {
  await stack?.stop()
})

/** How often each answer came, for the table at the end. */
const seen = new Map<string, Map<string, number>>()
let sent = 0

async function send(operation: ApiOperation, request: Generated): Promise<Response> {
  const { method } = apiRoute(operation)
  // Logging out everywhere is for somebody whom no other route needs.
  const sender = operation === 'logoutAll' ? leaver : people[0]!
  const token = { valid: sender.accessToken, none: undefined, wrong: 'e30.e30.e30' }
  const bearer = token[request.token]
  return await fetch(stack.url + request.path, {
    method,
    headers: { ...request.headers, ...(bearer && { authorization: `Bearer ${bearer}` }) },
    redirect: 'manual',
    signal: AbortSignal.timeout(HANG_MS),
    ...(request.body !== undefined && { body: request.body }),
  })
}

/** What is wrong with an answer by the contract; nothing, if all is well. */
async function faultOf(operation: ApiOperation, answer: Response): Promise<string | undefined> {
  const route = apiRoute(operation)
  const { status } = answer
  const text = await answer.text()
  const type = answer.headers.get('content-type') ?? ''
  if (status < 400) {
    count(operation, String(status))
    const { success } = route
    if (success.events) return streamFault(success.events, type, text)
    if (status !== success.status) return `status ${status}, not ${success.status}`
    if (success.csv) return type.startsWith('text/csv') ? undefined : `content type ${type}`
    if (!success.body) return text === '' ? undefined : `a body: ${text}`
    if (!type.startsWith('application/json')) return `content type ${type}`
    const body: unknown = JSON.parse(text)
    const parsed = success.body.safeParse(body)
    if (!parsed.success) return `breaks the contract: ${parsed.error.message}`
    // Parsing drops what the contract does not name: there must have been nothing of it.
    return isDeepStrictEqual(parsed.data, body) ? undefined : `more than the contract: ${text}`
  }
  if (!type.startsWith('application/problem+json')) return `${status} ${type}: ${text}`
  const problem = problemSchema.parse(JSON.parse(text))
  count(operation, `${status} ${problem.code}`)
  if (status >= 500) return `${status} ${problem.code}: ${problem.detail}`
  const code = problem.code?.replaceAll('_', '-') as ProblemCode
  if (problem.status !== status || PROBLEMS[code]?.status !== status) return `${status}: ${text}`
  return problemsOf(route).includes(code) ? undefined : `undocumented ${status} ${problem.code}`
}

/** What is wrong with a stream of events that has ended. */
function streamFault(schema: z.ZodType, type: string, text: string): string | undefined {
  if (!type.startsWith('text/event-stream')) return `content type ${type}`
  const broken = eventsIn(text).find(({ data }) => !schema.safeParse(JSON.parse(data)).success)
  return broken && `breaks the contract: ${broken.data}`
}

function count(operation: ApiOperation, outcome: string): void {
  const outcomes = seen.get(operation) ?? new Map<string, number>()
  outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
  seen.set(operation, outcomes)
  sent += 1
}

describe('generated requests', () => {
  it.concurrent.each(API_OPERATIONS)(
    'to %s are answered by the contract',
    { timeout: 3_000_000 },
    async (operation) => {
      const known = operation === 'createTransaction' ? payment : thing
      await fc.assert(
        fc.asyncProperty(requestsTo(apiRoute(operation), known), async (request) => {
          expect(await faultOf(operation, await send(operation, request))).toBeUndefined()
        }),
        // A valid payment is the rarest of requests, and the one that matters most.
        { numRuns: operation === 'createTransaction' ? 3 * runs : runs },
      )
    },
  )

  it('reach what is behind the validation, and what is in front of it', () => {
    const lines = [...seen].map(([operation, outcomes]) => {
      const parts = [...outcomes].map(([outcome, times]) => `${times} × ${outcome}`)
      return `  ${operation.padEnd(22)}${parts.join(', ')}`
    })
    process.stdout.write(`\n${sent} generated requests\n${lines.join('\n')}\n`)
    expect(sent).toBeGreaterThanOrEqual(runs * API_OPERATIONS.length)
    for (const operation of ['register', 'createTransaction', 'listTransactions'] as const) {
      const { status } = apiRoute(operation).success
      expect(seen.get(operation)?.get(String(status)), operation).toBeGreaterThan(0)
      expect(seen.get(operation)?.get('400 validation_failed'), operation).toBeGreaterThan(0)
    }
  })

  it('make no money and lose none', async () => {
    await waitFor(async () => (await auditAll(stack)).pending === 0, {
      timeoutMs: 120_000,
      intervalMs: 200,
      message: 'every accepted payment to be settled',
    })
    expect(await auditAll(stack)).toMatchObject(SOUND)
    const wallets = await Promise.all(people.map((user) => user.wallet()))
    const total = wallets.reduce((sum, { balance }) => sum + balance, 0)
    expect(total).toBe(users * openingMinor + (await fromBankMinor(stack)))
  })
})
