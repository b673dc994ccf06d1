// Who may ask wallet-service for what, and what it makes of input that nobody should send.
import { randomUUID } from 'node:crypto'
import { INTERNAL_ROUTES, SERVICE_KEY_NAMES } from '@payflow-app/contracts/internal'
import { badBodiesOf, expectProblem, send } from '@payflow-app/testing'
import {
  forgedTokenOf,
  newServiceKeys,
  serviceTokenOf,
  type ServiceKeys,
} from '@payflow-app/service-kit/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { paymentOf, Wallets } from './support/wallets.ts'

let wallets: Wallets
let users: string[]

beforeAll(async () => {
  wallets = await Wallets.start()
  users = await wallets.users(3)
})
afterAll(async () => {
  await wallets[Symbol.asyncDispose]()
})

const CALLERS = ['auth', 'transaction', 'worker', 'reversal'] as const
const NOTIFICATION = 'SERVICE_KEY_NOTIFICATION_TO_AUTH'
const internal = Object.values(INTERNAL_ROUTES)
  .filter(({ audience }) => audience === 'wallet')
  .map(({ method, path, callers }) => ({ method, path, callers: callers as readonly string[] }))
const aimed = (path: string) => path.replaceAll(/:\w+/g, randomUUID())

async function ask(method: string, path: string, token: string | undefined) {
  return await send(wallets.service.url + aimed(path), {
    method,
    token,
    ...(method === 'POST' && { json: {} }),
  })
}

describe('the internal routes', () => {
  it.each(internal)('$method $path admits $callers only', async ({ method, path, callers }) => {
    for (const caller of CALLERS) {
      const token = await serviceTokenOf(wallets.keys, { caller, audience: 'wallet' })
      const { status, body } = await ask(method, path, token)
      const refused = status === 403 && body.code === 'forbidden'
      expect([refused, status === 401]).toEqual([!callers.includes(caller), false])
    }
  })

  it.each(internal)('$method $path admits nobody else', async ({ method, path }) => {
    const [user = ''] = users
    const tokens = [
      undefined,
      'not-a-token',
      // Of the name that may, by a key that is not its own.
      ...(await Promise.all(CALLERS.map((caller) => claim(caller, newServiceKeys())))),
      // Meant for another service.
      await serviceTokenOf(wallets.keys, { caller: 'notification', audience: 'auth' }),
      // A user may read a wallet, the own one.
      ...(method === 'GET' && path === '/wallets/:userId'
        ? []
        : [await wallets.issuer.accessToken(user)]),
    ]
    for (const token of tokens) {
      expectProblem(await ask(method, path, token), 401, 'unauthenticated')
    }
  })

  it.each(internal)(
    '$method $path believes nothing that is signed with the key of notification-service',
    async ({ method, path }) => {
      const stolen = wallets.keys[NOTIFICATION]
      const everywhere = Object.fromEntries(SERVICE_KEY_NAMES.map((name) => [name, stolen]))
      for (const caller of CALLERS) {
        const token = await claim(caller, everywhere as typeof wallets.keys)
        expectProblem(await ask(method, path, token), 401, 'unauthenticated')
        // Also when it names the key that it does not have.
        const call = { caller, audience: 'wallet' } as const
        const forged = await forgedTokenOf(wallets.keys, call, NOTIFICATION)
        expectProblem(await ask(method, path, forged), 401, 'unauthenticated')
      }
    },
  )
})

const claim = (caller: (typeof CALLERS)[number], keys: ServiceKeys) =>
  serviceTokenOf(keys, { caller, audience: 'wallet' })

describe('GET /wallets/:userId', () => {
  it('shows a wallet to its owner and to transaction-service, and to nobody else', async () => {
    const [owner = '', stranger = ''] = users
    const path = `/wallets/${owner}`
    const ownersToken = await wallets.issuer.accessToken(owner)
    expect((await wallets.get(path, ownersToken)).body).toMatchObject({ balance: 100_000 })
    expect((await wallets.get(path)).body).toMatchObject({ balance: 100_000 })
    const strangersToken = await wallets.issuer.accessToken(stranger)
    expectProblem(await wallets.get(path, strangersToken), 404, 'not_found')
    expectProblem(await wallets.get(path, 'not-a-token'), 401, 'unauthenticated')
    expectProblem(await send(wallets.service.url + path), 401, 'unauthenticated')
  })

  it('refuses tokens that are expired, meant for others, or not signed', async () => {
    const [owner = ''] = users
    const past = Math.floor(Date.now() / 1_000) - 3_600
    const none = [{ alg: 'none' }, { sub: owner, iss: 'payflow-auth', aud: 'payflow' }]
      .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
      .join('.')
    const tokens = [
      await wallets.issuer.accessToken(owner, { aud: 'somebody-else' }),
      await wallets.issuer.accessToken(owner, { iss: 'somebody-else' }),
      await wallets.issuer.accessToken(owner, { nbf: past + 7_200 }),
      `${none}.`,
    ]
    for (const token of tokens) {
      expectProblem(await wallets.get(`/wallets/${owner}`, token), 401, 'unauthenticated')
    }
  })

  it('answers 404 to unknown users and 400 to what is no id', async () => {
    expectProblem(await wallets.get(`/wallets/${randomUUID()}`), 404, 'not_found')
    for (const id of ['bob', '1', '%00', "'%20or%201=1--", '__proto__', 'x'.repeat(5_000)]) {
      expectProblem(await wallets.get(`/wallets/${id}`), 400)
    }
    expectProblem(await wallets.get('/wallets/%E0%A4%A'), 400)
  })
})

describe('bad input', () => {
  const hold = { ...paymentOf(randomUUID(), randomUUID()), expiresInMs: 60_000 }
  const { expiresInMs: _, ...transfer } = hold
  const ids = { transferId: 'id', fromUserId: 'id', toUserId: 'id' } as const
  const routes = [
    {
      path: '/wallets',
      good: { userId: randomUUID(), currency: 'USD' },
      kinds: { userId: 'id', currency: 'currency' } as const,
    },
    {
      path: '/wallets/holds',
      good: hold,
      kinds: { ...ids, amount: 'amount', currency: 'currency' } as const,
    },
    {
      path: '/wallets/transfer',
      good: transfer,
      kinds: { ...ids, amount: 'amount', currency: 'currency' } as const,
    },
  ]

  it.each(routes)('POST $path answers each with a problem', async ({ path, good, kinds }) => {
    const token = await wallets.tokenFor('POST', path)
    for (const { what, raw } of badBodiesOf(good, kinds)) {
      const answer = await send(wallets.service.url + path, { token, raw })
      expectProblem(answer, answer.status === 413 ? 413 : 400, undefined, what)
    }
  })

  it('POST /wallets/holds/:id/release takes no id that is none', async () => {
    for (const id of ['bob', '%00', '__proto__']) {
      expectProblem(await wallets.release(id), 400, 'validation_failed')
    }
  })

  it('answers 404, 405 and 415 as problems', async () => {
    const { url } = wallets.service
    const token = await wallets.tokenFor('POST', '/wallets')
    expectProblem(await send(`${url}/nowhere`, { token }), 404, 'route_not_found')
    const wrongMethod = await send(`${url}/wallets`, { method: 'DELETE', token })
    expectProblem(wrongMethod, 405, 'method_not_allowed')
    const headers = { 'content-type': 'text/plain' }
    const wrongType = await send(`${url}/wallets`, { token, raw: '{}', headers })
    expectProblem(wrongType, 415, 'unsupported_media_type')
  })

  it('has moved no money', async () => {
    for (const userId of users) expect(await wallets.available(userId)).toBe(100_000)
    expect(await wallets.audit()).toBe(300_000)
  })
})
