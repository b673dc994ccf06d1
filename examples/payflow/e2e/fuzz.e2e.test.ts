/*
 * Goal: whatever is sent to whichever route, PayFlow answers, with nothing but what its contract
 * says, and no money is made or lost.
 * Method: requests generated from the contracts against every process of PayFlow, by people who know
 * what is there to be asked for. A few dozen a route here; `npm run fuzz -- --full` sends 2,000 to
 * each. TEST_SEED replays a run.
 */
import { API_OPERATIONS, apiRoute, type ApiOperation } from '@payflow-app/contracts/api'
import { SANDBOX_BANK_ID } from '@payflow-app/contracts'
import { startStack, type Stack } from '@payflow-app/stack'
import { follow } from '@payflow-app/testing'
import { seed, waitFor } from '@payflow/testkit'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { firstRequestsTo, requestsTo, type Generated, type Known } from './src/hostile.ts'
import {
  auditAll,
  fromBankMinor,
  settle,
  SOUND,
  User,
  type Page,
  type Wallet,
} from './src/index.ts'
import { faultOf, type Answered } from './src/judge.ts'
import { PASSWORD, Sender } from './src/sender.ts'

const runs = Number(process.env['PAYFLOW_FUZZ_RUNS'] ?? 40)
const openingMinor = 100_000

/** Longer than any deadline of the gateway: what takes longer hangs. */
const HANG_MS = 30_000

let stack: Stack
/** Who sends most of it, and whom they know. */
let ada: Sender
let bob: User
let known: Readonly<Partial<Record<ApiOperation, Known>>>
let pids: Readonly<Record<string, number>>

const pidsNow = () => Object.fromEntries(stack.entries().map(({ name, pid }) => [name, pid]))

beforeAll(async () => {
  // On a busy machine a service may take its time; that is not what is looked for.
  stack = await startStack({
    env: {
      gateway: { UPSTREAM_TIMEOUT_MS: '25000' },
      transaction: { WALLET_TIMEOUT_MS: '20000' },
      all: { LOG_LEVEL: 'warn' },
    },
  })
  ada = new Sender(stack.url)
  await ada.login()
  bob = await User.register(stack.url, 'Bob')
  known = await lookAround()
  pids = pidsNow()
})
afterAll(async () => {
  await stack?.stop()
})

type Items = Page<{ readonly id: string; readonly current?: boolean }>

/** Makes what there is to be asked for, and notes under which ids. */
async function lookAround(): Promise<typeof known> {
  const paid = Array.from({ length: 6 }, async () => {
    const { body } = await bob.pay({ toUserId: ada.id, amount: 1_000 })
    return (await settle(bob, body.id, 60_000)).id
  })
  const received = await Promise.all(paid)
  const read = async (path: string) => (await ada.get<Items>(path)).body
  const told = await waitFor(
    async () => {
      const { items } = await read('/api/notifications')
      return items.length >= received.length ? items.map(({ id }) => id) : undefined
    },
    { timeoutMs: 60_000, message: 'the notifications of the payments' },
  )
  for (let logins = 0; logins < 3; logins += 1) await logInAs(ada.email)
  const { items: sessions } = await read('/api/auth/sessions')
  const elsewhere = sessions.flatMap(({ id, current }) => (current === true ? [] : [id]))
  const { accessToken: token } = await ada.login()
  const stream = await follow(`${stack.url}/api/transactions/${received[0]}/events`, { token })
  await stream.ended
  const lastEventId = stream.events.map(({ id }) => id)
  const people = { toUserId: [bob.id, bob.id, ada.id, SANDBOX_BANK_ID] }
  const funds = { values: {}, right: { body: { amount: 5, currency: 'USD' } } }
  const lists = new Map<string, string[]>()
  for (const list of ['notifications', 'transactions', 'auth/activity', 'wallets/me/statement']) {
    const { nextCursor } = await read(`/api/${list}?limit=1`)
    lists.set(list, nextCursor === null ? [] : [nextCursor])
  }
  /** Of each list its own cursor, and now and then that of another one. */
  const listed = (list: string) => {
    const own = lists.get(list) ?? []
    const cursor = [...own, ...own, ...own, ...own, ...[...lists.values()].flat()]
    return { values: { cursor, counterpartyId: [bob.id, bob.id, ada.id] } }
  }
  const payments = { values: { id: [...received, bob.id], lastEventId } }
  return {
    ...(await accounts()),
    endSession: { values: { id: elsewhere } },
    searchUsers: {
      values: { query: ['Bob', bob.email, 'payflow'] },
      right: { query: { query: 'Bob' } },
    },
    getUser: { values: { id: [bob.id, ada.id, received[0]] } },
    createTransaction: {
      values: people,
      right: { body: { toUserId: bob.id, amount: 1, currency: 'USD' } },
    },
    refundTransaction: { values: { id: received }, right: { body: { amount: 1 } } },
    topUp: funds,
    withdraw: funds,
    listTransactions: listed('transactions'),
    listActivity: listed('auth/activity'),
    listNotifications: listed('notifications'),
    getStatement: listed('wallets/me/statement'),
    getTransaction: payments,
    followTransaction: payments,
    markNotificationRead: { values: { id: told.slice(0, 1) } },
    deleteNotification: { values: { id: told.slice(1) } },
    setNotificationPreferences: { values: {}, right: { body: { paymentMails: false } } },
  }
}

/** What is known of accounts: some that can be logged in to, and one whose password was forgotten. */
async function accounts(): Promise<Partial<Record<ApiOperation, Known>>> {
  const guests = await Promise.all(Array.from({ length: 5 }, () => User.register(stack.url)))
  const email = guests.map((guest) => guest.email)
  const login = { email: email[0], password: PASSWORD }
  const body = { currentPassword: PASSWORD, newPassword: 'another horse battery' }
  const forgetful = await User.register(stack.url)
  await post('/api/auth/forgot-password', { email: forgetful.email })
  const token = await tokenTo(forgetful.email)
  const stranger = { email: 'new@payflow.test', password: PASSWORD, name: 'New' }
  return {
    register: { values: { email: ['new@payflow.test'] }, right: { body: stranger } },
    login: { values: { email, password: [PASSWORD] }, right: { body: login } },
    changePassword: { values: { currentPassword: [PASSWORD] }, right: { body } },
    forgotPassword: { values: { email: [bob.email] }, right: { body: { email: bob.email } } },
    resetPassword: {
      values: { token: [token] },
      right: { body: { token, newPassword: 'another horse battery' } },
    },
  }
}

/** The token of the link that was mailed. */
async function tokenTo(email: string): Promise<string> {
  const sink = `${stack.serviceUrl('mail')}/api/mails`
  return await waitFor(
    async () => {
      const list = await fetch(`${sink}?to=${encodeURIComponent(email)}`)
      const { items } = (await list.json()) as { items: { id: string }[] }
      const texts = items.map(async ({ id }) => {
        const { text } = (await (await fetch(`${sink}/${id}`)).json()) as { text: string }
        return /#token=([\w-]+)/.exec(text)?.[1]
      })
      return (await Promise.all(texts)).find((token) => token !== undefined)
    },
    { timeoutMs: 60_000, message: 'the mail with the link' },
  )
}

async function post(path: string, body: unknown): Promise<void> {
  const headers = { 'content-type': 'application/json' }
  const init = { method: 'POST', headers, body: JSON.stringify(body) }
  const answer = await fetch(stack.url + path, init)
  expect(answer.ok, path).toBe(true)
  await answer.text()
}

const logInAs = (email: string) => post('/api/auth/login', { email, password: PASSWORD })

/** Whoever may lose their session has one of their own; all others send as one person. */
function senderOf(operation: ApiOperation): Sender {
  return apiRoute(operation).cookies ? new Sender(stack.url) : ada
}

async function send(
  operation: ApiOperation,
  { path, headers, credential, cookie, body }: Generated,
  own: Awaited<ReturnType<Sender['login']>>,
): Promise<Answered> {
  const authorization = credential.own ? `Bearer ${own.accessToken}` : credential.text
  const cookies = cookie.own ? own.cookie : cookie.text
  const answer = await fetch(stack.url + path, {
    method: apiRoute(operation).method,
    headers: {
      ...headers,
      ...(authorization !== undefined && { authorization }),
      ...(cookies !== undefined && { cookie: cookies }),
    },
    redirect: 'manual',
    signal: AbortSignal.timeout(HANG_MS),
    ...(body !== undefined && { body }),
  })
  return { status: answer.status, headers: answer.headers, text: await answer.text() }
}

/** Lets the sender go on as people do: with the new cookies, or with a new account. */
function goOn(
  operation: ApiOperation,
  { cookie }: Generated,
  { status, headers }: Answered,
  sender: Sender,
): void {
  if (operation === 'refresh' && status === 200) sender.takeCookies(headers)
  const isOver = {
    logout: status === 204 && cookie.own,
    logoutAll: status === 204,
    // Or too many wrong passwords, which nobody gets past for half an hour.
    changePassword: status === 204 || status === 429,
  }
  if ((isOver as Partial<Record<ApiOperation, boolean>>)[operation]) sender.startOver()
}

/** How often each answer came, for the table at the end. */
const seen = new Map<ApiOperation, Map<string, number>>()
let slowestMs = 0

function count(operation: ApiOperation, { status, text }: Answered): void {
  const outcomes = seen.get(operation) ?? new Map<string, number>()
  const code = status < 400 ? '' : ` ${/"code":"(\w+)"/.exec(text)?.[1]}`
  outcomes.set(status + code, (outcomes.get(status + code) ?? 0) + 1)
  seen.set(operation, outcomes)
}

describe('generated requests', () => {
  it.concurrent.each(API_OPERATIONS)(
    'to %s are answered by the contract',
    { timeout: 3_000_000 },
    async (operation) => {
      const route = apiRoute(operation)
      const sender = senderOf(operation)
      const knows = known[operation] ?? { values: {} }
      await fc.assert(
        fc.asyncProperty(requestsTo(route, knows), async (request) => {
          const own = await sender.login()
          const sentAt = performance.now()
          const answer = await send(operation, request, own)
          slowestMs = Math.max(slowestMs, performance.now() - sentAt)
          count(operation, answer)
          goOn(operation, request, answer, sender)
          expect(faultOf(route, request, answer)).toBeUndefined()
        }),
        {
          // Of one seed all routes would be sent the same: a key, say, that is used up by then.
          seed: seed() + API_OPERATIONS.indexOf(operation),
          // A valid payment is the rarest of requests, and the one that matters most.
          numRuns: operation === 'createTransaction' ? 3 * runs : runs,
          examples: firstRequestsTo(route, knows).map((request) => [request]),
        },
      )
    },
  )

  it('reach what is behind the validation of every route, and what is in front of it', () => {
    const sent = API_OPERATIONS.map((operation) => {
      const outcomes = [...(seen.get(operation) ?? [])].toSorted(([, a], [, b]) => b - a)
      const parts = outcomes.map(([outcome, times]) => `${times} × ${outcome}`)
      const times = outcomes.reduce((sum, [, one]) => sum + one, 0)
      process.stdout.write(`  ${operation.padEnd(28)}${times}: ${parts.join(', ')}\n`)
      return times
    })
    const total = sent.reduce((sum, times) => sum + times, 0)
    process.stdout.write(`${total} generated requests, the slowest ${Math.round(slowestMs)} ms\n`)
    expect(Math.min(...sent)).toBeGreaterThanOrEqual(runs)
    const missed = API_OPERATIONS.flatMap((operation) => {
      const { success, params, query, body } = apiRoute(operation)
      const refused = (params ?? query ?? body) ? ['400 validation_failed'] : []
      const expected = [String(success.status), ...refused]
      const came = seen.get(operation)
      return expected.flatMap((one) => (came?.has(one) ? [] : [`${operation}: ${one}`]))
    })
    expect(missed).toEqual([])
  })

  it('make no money and lose none, and end no process', async () => {
    await waitFor(async () => (await auditAll(stack)).pending === 0, {
      timeoutMs: 120_000,
      intervalMs: 200,
      message: 'every accepted payment to be settled',
    })
    expect(await auditAll(stack)).toMatchObject(SOUND)
    const people = [ada, new Sender(stack.url, bob.email)]
    const wallets = await Promise.all(people.map((one) => one.get<Wallet>('/api/wallets/me')))
    const total = wallets.reduce((sum, { body }) => sum + body.balance, 0)
    expect(total).toBe(2 * openingMinor + (await fromBankMinor(stack)))
    expect(pidsNow()).toEqual(pids)
  })
})
