/*
 * Goal: only our own, living tokens for the right audience are believed, also when auth-service is
 * away. Method: real keys and a JWKS served on loopback.
 */
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import {
  decodeProtectedHeader,
  exportJWK,
  generateKeyPair,
  SignJWT,
  UnsecuredJWT,
  type JWK,
} from 'jose'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  createServiceVerifier,
  createUserTokens,
  mintServiceToken,
  ProblemError,
  type CallerKeys,
  type ServiceKey,
} from '../src/index.ts'

const userId = '0199d5d0-7a00-7000-8000-000000000001'
type PrivateKey = Awaited<ReturnType<typeof generateKeyPair>>['privateKey']
let server: Server
let jwksUrl: string
let jwks: JWK[] = []
let privateKey: PrivateKey
let fetches = 0

async function newKey(kid: string): Promise<{ privateKey: PrivateKey; jwk: JWK }> {
  const pair = await generateKeyPair('EdDSA')
  return {
    privateKey: pair.privateKey,
    jwk: { ...(await exportJWK(pair.publicKey)), kid, alg: 'EdDSA', use: 'sig' },
  }
}

beforeAll(async () => {
  const first = await newKey('one')
  privateKey = first.privateKey
  jwks = [first.jwk]
  server = createServer((_req, res) => {
    fetches += 1
    res.setHeader('content-type', 'application/json')
    res.end(JSON.stringify({ keys: jwks }))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  jwksUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks`
})

afterAll(() => {
  if (server.listening) server.close()
})

interface Claims {
  iss?: string
  aud?: string
  sub?: string
  exp?: number | string
}

async function sign(change: Claims = {}, key = privateKey, kid = 'one'): Promise<string> {
  const { iss, aud, sub, exp } = {
    iss: 'payflow-auth',
    aud: 'payflow',
    sub: userId,
    exp: '15m',
    ...change,
  }
  return await new SignJWT({})
    .setProtectedHeader({ alg: 'EdDSA', kid })
    .setIssuer(iss)
    .setAudience(aud)
    .setSubject(sub)
    .setExpirationTime(exp)
    .sign(key)
}

async function refusalOf(promise: Promise<unknown>): Promise<string | undefined> {
  return await promise.then(
    () => undefined,
    (error: unknown) =>
      ProblemError.is(error) ? `${error.status} ${error.message}` : String(error),
  )
}

const invalid = '401 The access token is not valid'

describe('createUserTokens', () => {
  test('believes our tokens and fetches the keys once', async () => {
    const tokens = createUserTokens({ jwksUrl })
    const before = fetches
    for (let i = 0; i < 5; i += 1)
      expect(await tokens.verify(await sign())).toMatchObject({ userId })
    expect(fetches - before).toBe(1)
  })

  test.each([
    ['another issuer', { iss: 'somebody' }],
    ['another audience', { aud: 'wallet' }],
    ['a subject that is no user id', { sub: 'admin' }],
  ])('refuses %s', async (_, change) => {
    const tokens = createUserTokens({ jwksUrl })
    expect(await refusalOf(tokens.verify(await sign(change)))).toBe(invalid)
  })

  test('refuses an expired token and says so', async () => {
    const token = await sign({ exp: Math.floor(Date.now() / 1000) - 10 })
    const refusal = await refusalOf(createUserTokens({ jwksUrl }).verify(token))
    expect(refusal).toBe('401 The access token has expired')
  })

  test('refuses other keys, other algorithms, none at all, and noise', async () => {
    const { privateKey: foreign } = await newKey('one')
    const claims = new SignJWT({})
      .setIssuer('payflow-auth')
      .setAudience('payflow')
      .setSubject(userId)
    const hmac = await claims
      .setProtectedHeader({ alg: 'HS256', kid: 'one' })
      .setExpirationTime('15m')
      .sign(Buffer.from(JSON.stringify(jwks[0])))
    const none = new UnsecuredJWT({ sub: userId, iss: 'payflow-auth', aud: 'payflow' }).encode()
    const tokens = createUserTokens({ jwksUrl })
    for (const token of [
      await sign({}, foreign),
      await sign({}, foreign, 'two'),
      hmac,
      none,
      'a.b.c',
    ]) {
      expect(await refusalOf(tokens.verify(token))).toBe(invalid)
    }
  })

  test('goes on with the last keys while they cannot be fetched again', async () => {
    const tokens = createUserTokens({ jwksUrl, maxAgeMs: 0 })
    const before = fetches
    await tokens.verify(await sign())
    await tokens.verify(await sign())
    expect(fetches - before).toBe(2)
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
    expect(await tokens.verify(await sign())).toMatchObject({ userId })
    const { privateKey: foreign } = await newKey('one')
    expect(await refusalOf(tokens.verify(await sign({}, foreign)))).toBe(invalid)
    const cold = createUserTokens({ jwksUrl })
    expect(await refusalOf(cold.verify(await sign()))).toBe(
      '503 Tokens cannot be verified at the moment',
    )
    expect(fetches - before).toBe(2)
  })
})

const keyOf = (name: string): string => `the-key-of-${name}`.padEnd(32, '-')
const callers = ['auth', 'transaction', 'worker', 'reversal'] as const
const keys: CallerKeys = new Map(callers.map((caller) => [caller, [keyOf(caller)]]))
const wallet = createServiceVerifier({ audience: 'wallet', keys })

/** A token for wallet-service as `caller`, with whatever key. */
const claim = (caller: (typeof callers)[number], ...key: ServiceKey) =>
  mintServiceToken({ caller, audience: 'wallet', key })

describe('service tokens', () => {
  test.each(callers)('name %s to the service they are meant for', async (caller) => {
    const token = await claim(caller, keyOf(caller))
    expect(await wallet.verify(token)).toEqual({ service: caller })
  })

  test('are refused elsewhere, with another key, and when a user token comes instead', async () => {
    const notification = new Map([['notification', [keyOf('notification')]]] as const)
    const auth = createServiceVerifier({ audience: 'auth', keys: notification })
    const toAuth = { caller: 'notification', audience: 'auth' } as const
    const unsigned = new UnsecuredJWT({ iss: 'worker', aud: 'wallet' }).setExpirationTime('1m')
    const attempts = [
      [auth, await claim('worker', keyOf('notification'))],
      [wallet, await mintServiceToken({ ...toAuth, key: [keyOf('notification')] })],
      [wallet, await claim('worker', keyOf('nobody'))],
      [wallet, await sign()],
      [wallet, unsigned.encode()],
    ] as const
    for (const [verifier, token] of attempts) {
      expect(await refusalOf(verifier.verify(token))).toBe(invalid)
    }
  })

  test.each(callers)('are refused when %s signs in the name of another', async (thief) => {
    const stolen = keyOf(thief)
    const { kid = '' } = decodeProtectedHeader(await claim(thief, stolen))
    for (const name of callers.filter((caller) => caller !== thief)) {
      const honest = decodeProtectedHeader(await claim(name, keyOf(name)))
      for (const namedKey of [kid, honest.kid ?? '', `${name}.${kid.split('.')[1]}`]) {
        const forged = await new SignJWT()
          .setProtectedHeader({ alg: 'HS256', typ: 'service+jwt', kid: namedKey })
          .setIssuer(name)
          .setAudience('wallet')
          .setExpirationTime('1m')
          .sign(Buffer.from(stolen))
        expect(await refusalOf(wallet.verify(forged))).toBe(invalid)
      }
    }
  })

  test('are believed by both keys of a caller while one replaces the other, and signed by the first', async () => {
    const [before, next] = [keyOf('worker'), keyOf('worker, soon')]
    const changing = createServiceVerifier({
      audience: 'wallet',
      keys: new Map([['worker', [before, next]]]),
    })
    const after = createServiceVerifier({ audience: 'wallet', keys: new Map([['worker', [next]]]) })
    const [old, young] = [await claim('worker', before, next), await claim('worker', next, before)]
    for (const token of [old, young]) {
      expect(await changing.verify(token)).toEqual({ service: 'worker' })
    }
    expect(await after.verify(young)).toEqual({ service: 'worker' })
    expect(await refusalOf(after.verify(old))).toBe(invalid)
  })

  test.each([
    ['meant for another service', { aud: 'auth' }, invalid],
    ['of a minute ago', { exp: -10 }, '401 The access token has expired'],
    ['without an end', { exp: undefined }, invalid],
    ['of another type', { typ: 'JWT' }, invalid],
  ])('are refused when they are %s, by the right key too', async (_, change, refusal) => {
    const { aud, exp, typ } = { aud: 'wallet', exp: 60, typ: 'service+jwt', ...change }
    const { kid = '' } = decodeProtectedHeader(await claim('worker', keyOf('worker')))
    const token = new SignJWT()
      .setProtectedHeader({ alg: 'HS256', typ, kid })
      .setIssuer('worker')
      .setAudience(aud)
    if (exp !== undefined) token.setExpirationTime(Math.floor(Date.now() / 1_000) + exp)
    const signed = await token.sign(Buffer.from(keyOf('worker')))
    expect(await refusalOf(wallet.verify(signed))).toBe(refusal)
  })

  test('are no user tokens', async () => {
    const token = await claim('worker', keyOf('worker'))
    expect(await refusalOf(createUserTokens({ jwks: { keys: jwks } }).verify(token))).toBe(invalid)
  })
})
