/*
 * Goal: a token is verified once in a while, and believed for not a moment longer than it holds.
 * Method: a verifier that counts, under a clock that the test turns.
 */
import { UnsecuredJWT } from 'jose'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { rememberVerified } from '../src/remember-verified.ts'
import { createServiceVerifier, serviceTokens } from '../src/index.ts'

const START_S = 1_900_000_000

beforeEach(() => void vi.useFakeTimers({ toFake: ['Date'], now: START_S * 1_000 }))
afterEach(() => void vi.useRealTimers())

const tokenUntil = (seconds: number, name = 'a'): string =>
  new UnsecuredJWT({ name }).setExpirationTime(START_S + seconds).encode()

function counting() {
  const asked: string[] = []
  const verify = async (token: string): Promise<string> => {
    asked.push(token)
    if (token === 'bad') throw new Error('refused')
    return `who ${token} is`
  }
  return { asked, verify }
}

describe('rememberVerified', () => {
  test('asks again after half a minute, and for each token', async () => {
    const { asked, verify } = counting()
    const remembering = rememberVerified(verify)
    const [one, other] = [tokenUntil(900), tokenUntil(900, 'b')]
    for (const token of [one, one, other]) {
      expect(await remembering(token)).toBe(`who ${token} is`)
    }
    expect(asked).toEqual([one, other])
    vi.setSystemTime(Date.now() + 30_000)
    await remembering(one)
    expect(asked).toEqual([one, other, one])
  })

  test('asks again when the token has expired', async () => {
    const { asked, verify } = counting()
    const remembering = rememberVerified(verify)
    const token = tokenUntil(5)
    await remembering(token)
    vi.setSystemTime(Date.now() + 4_999)
    await remembering(token)
    expect(asked).toHaveLength(1)
    vi.setSystemTime(Date.now() + 1)
    await remembering(token)
    expect(asked).toHaveLength(2)
  })

  test('remembers no refusal, and nothing where keys are not believed', async () => {
    const { asked, verify } = counting()
    const remembering = rememberVerified(verify)
    await expect(remembering('bad')).rejects.toThrow('refused')
    await expect(remembering('bad')).rejects.toThrow('refused')
    const forgetting = rememberVerified(verify, 0)
    const token = tokenUntil(900)
    await forgetting(token)
    await forgetting(token)
    expect(asked).toEqual(['bad', 'bad', token, token])
  })
})

describe('serviceTokens', () => {
  const key = ['s'.repeat(32)] as const

  test('serve for twenty seconds, and for no other time than they were made for', async () => {
    const token = serviceTokens({ caller: 'worker', audience: 'wallet', key })
    const now = START_S * 1_000
    const first = await token(now)
    expect(await token(now + 20_000)).toBe(first)
    const second = await token(now + 20_001)
    expect(second).not.toBe(first)
    expect(await token(now - 60_000)).not.toBe(second)
    vi.setSystemTime(now + 20_000)
    const keys = new Map([['worker', key]] as const)
    const { verify } = createServiceVerifier({ audience: 'wallet', keys })
    expect(await verify(first)).toEqual({ service: 'worker' })
  })
})
