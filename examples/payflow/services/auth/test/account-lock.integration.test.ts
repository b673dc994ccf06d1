/*
 * Goal: guessing a password ends after five, for whoever guesses from wherever, and neither tells who
 * has an account nor keeps its owner out.
 * Method: two auth-service processes on one PostgreSQL, guesses sent to both at once. The clock that
 * decides is the database's, so it is moved there.
 */
import { randomUUID } from 'node:crypto'
import { waitFor } from '@payflow/testkit'
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { AuthSystem, Browser, PASSWORD } from './support/people.ts'

const LIMIT = 5
const LOCK_S = 1_800
let system: AuthSystem

beforeAll(async () => {
  // So many hashes at a time that nothing but the count stands in the way of fifty guesses.
  system = await AuthSystem.start({ PASSWORD_HASHES_MAX: '64' }, { processes: 2 })
})
afterAll(async () => {
  await system?.[Symbol.asyncDispose]()
})

const strangerTo = (owner: Browser): Browser => new Browser(system, owner.email)

async function guessTimes(times: number, email: string): Promise<number[]> {
  const guesses = Array.from({ length: times }, async (_, at) => {
    const url = system.services[at % system.services.length]?.url
    return await new Browser(system, email).guess(`wrong password ${at}`, url)
  })
  return await Promise.all(guesses)
}

/** Processor time that the only process has used, its threads that hash included. */
async function cpuSecondsOf({ first }: AuthSystem): Promise<number> {
  const text = await (await fetch(`${first.url}/metrics`)).text()
  return Number(/^process_cpu_seconds_total(?:\{.*\})? (\S+)$/m.exec(text)?.[1])
}

/** So much time passes, by the database. */
async function pass(seconds: number): Promise<void> {
  await sql`
    update login_guards
    set attempted_at = attempted_at - make_interval(secs => ${seconds})`.execute(system.database.db)
}

const times = (types: readonly string[], type: string): number =>
  types.filter((one) => one === type).length

describe('AUTH-01 guessing', () => {
  test('looks at five of fifty parallel guesses, from two processes, and locks once', async () => {
    const owner = await system.person()
    const statuses = await guessTimes(50, owner.email)
    expect(new Set(statuses)).toEqual(new Set([401]))
    const log = await system.audit(owner.id)
    expect(times(log, 'login_failed')).toBe(LIMIT)
    expect(times(log, 'login_refused')).toBe(50 - LIMIT)
    expect(times(log, 'locked')).toBe(1)
    expect(await strangerTo(owner).guess(PASSWORD)).toBe(401)
    const told = await system.waiting(owner.id)
    expect(told.map(({ type }) => type)).toEqual(['users.locked'])
    const { occurredAt = '', lockedUntil = '' } = told[0]?.data ?? {}
    expect(Date.parse(lockedUntil) - Date.parse(occurredAt)).toBe(LOCK_S * 1_000)
  })

  test('is not looked at again before the lock has ended, and then starts anew', async () => {
    const owner = await system.person()
    await guessTimes(LIMIT, owner.email)
    // Going on does not prolong it.
    await pass(LOCK_S - 60)
    expect(await strangerTo(owner).guess(PASSWORD)).toBe(401)
    await pass(61)
    expect(await strangerTo(owner).guess('wrong password')).toBe(401)
    expect(await strangerTo(owner).guess(PASSWORD)).toBe(200)
  })

  test('is forgotten when somebody logs in', async () => {
    const owner = await system.person()
    for (let round = 0; round < 3; round += 1) {
      await guessTimes(LIMIT - 1, owner.email)
      expect(await strangerTo(owner).guess(PASSWORD)).toBe(200)
    }
  })

  test('lets somebody who knows the password log in from many places at once', async () => {
    const owner = await system.person()
    const logins = Array.from({ length: 12 }, () => strangerTo(owner).guess(PASSWORD, system.url))
    expect(new Set(await Promise.all(logins))).toEqual(new Set([200]))
  })
})

describe('AUTH-02 a stranger who guesses', () => {
  test('does not lock out a browser that the owner has used before', async () => {
    const owner = await system.person()
    await guessTimes(2 * LIMIT, owner.email)
    expect(await owner.guess(PASSWORD)).toBe(200)
    // And the browser has a count of its own, whoever sits in front of it.
    for (let at = 0; at < LIMIT; at += 1) expect(await owner.guess('wrong password')).toBe(401)
    expect(await owner.guess(PASSWORD)).toBe(401)
  })

  test('gets no count of their own with a cookie that they made up, or with their own', async () => {
    const [owner, thief] = [await system.person(), await system.person()]
    await guessTimes(LIMIT, owner.email)
    const forged = strangerTo(owner)
    forged.cookies.set('payflow_device', 'a'.repeat(43))
    expect(await forged.guess(PASSWORD)).toBe(401)
    const own = strangerTo(owner)
    own.cookies = thief.cookies
    expect(await own.guess(PASSWORD)).toBe(401)
  })

  test('gets no count of their own by leaving their cookie where the owner logs in', async () => {
    const [owner, thief] = [await system.person(), await system.person()]
    const left = thief.cookies.get('payflow_device') ?? ''
    const shared = owner.other()
    const deviceAfter = async (what: () => Promise<unknown>) => {
      shared.cookies.set('payflow_device', left)
      await what()
      return shared.cookies.get('payflow_device')
    }
    const after = [
      await deviceAfter(() => shared.login()),
      await deviceAfter(() => shared.changePassword(PASSWORD, 'another long password')),
    ]
    const link = await system.resetToken(owner)
    after.push(await deviceAfter(() => shared.resetPassword(link, PASSWORD)))
    expect(after).not.toContain(left)
    expect(new Set(after).size).toBe(3)
    await shared.login()
    // One that the account is known by stays.
    expect(shared.cookies.get('payflow_device')).toBe(after.at(-1))
    await guessTimes(LIMIT, owner.email)
    const own = strangerTo(owner)
    own.cookies.set('payflow_device', left)
    expect(await own.guess(PASSWORD)).toBe(401)
    expect(await shared.guess(PASSWORD)).toBe(200)
  })
})

describe('AUTH-03 an answer', () => {
  test('is the same, and about as fast, for no account, a wrong password and a lock', async () => {
    // Hashes so slow that nothing else of an answer takes nearly as long.
    await using slow = await AuthSystem.start({ PASSWORD_HASH_PASSES: '12' })
    const [wrong, locked] = [await slow.person(), await slow.person()]
    for (let at = 0; at < LIMIT; at += 1) await locked.other().guess('wrong password')
    const emails = {
      unknown: () => `${randomUUID()}@example.com`,
      wrong: () => wrong.email,
      locked: () => locked.email,
    }
    const bodies = new Set<string>()
    const took: Record<string, number[]> = { unknown: [], wrong: [], locked: [] }
    // No more rounds than there are wrong passwords before the next lock.
    for (let round = 0; round < LIMIT; round += 1) {
      for (const [kind, emailOf] of Object.entries(emails)) {
        const browser = new Browser(slow, emailOf())
        const body = { email: browser.email, password: 'wrong password' }
        const before = await cpuSecondsOf(slow)
        const answer = await browser.send('POST', '/auth/login', body)
        took[kind]?.push((await cpuSecondsOf(slow)) - before)
        const { requestId: _, ...rest } = (await answer.json()) as { requestId: string }
        bodies.add(JSON.stringify([answer.status, rest, [...answer.headers.keys()].toSorted()]))
      }
    }
    expect(bodies.size).toBe(1)
    // Processor time, which a busy machine does not add to. What else the process does only ever
    // adds to it: the least is what an answer takes.
    const least = Object.values(took).map((all) => Math.min(...all))
    expect(Math.max(...least) / Math.min(...least), JSON.stringify(took)).toBeLessThan(2)
  })

  test('leaves counts of addresses that nobody has for a while only', async () => {
    await guessTimes(3, `${randomUUID()}@example.com`)
    await pass(LOCK_S)
    const left = async (): Promise<number> => {
      const { rows } = await sql`
        select from login_guards where octet_length(device_hash) = 0`.execute(system.database.db)
      return rows.length
    }
    await waitFor(async () => (await left()) === 0)
    expect(await left()).toBe(0)
  })
})

describe('AUTH-04 a lock whose announcement died with its process', () => {
  test('is announced by the next attempt, once', async () => {
    const owner = await system.person()
    await guessTimes(LIMIT - 1, owner.email)
    await system.first.child.arm('auth.attempt.counted', 'kill')
    await expect(strangerTo(owner).guess('wrong password')).rejects.toThrow('fetch failed')
    await system.replace()
    expect(await system.waiting(owner.id)).toEqual([])
    for (let at = 0; at < 2; at += 1) expect(await strangerTo(owner).guess(PASSWORD)).toBe(401)
    expect((await system.waiting(owner.id)).map(({ type }) => type)).toEqual(['users.locked'])
  })
})
