/*
 * Goal: an answer that was lost costs nobody their session, and a copy of a cookie gains nobody one.
 * Method: two auth-service processes on one PostgreSQL; cookies sent again, at once, late, from
 * elsewhere and after a kill. Time passes in the database, whose clock decides.
 */
import { decodeJwt } from 'jose'
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { AuthSystem, PASSWORD, type Browser } from './support/people.ts'

const GRACE_S = 10
const ended = '401 refresh_token_invalid'
let system: AuthSystem

beforeAll(async () => {
  system = await AuthSystem.start({}, { processes: 2 })
})
afterAll(async () => {
  await system?.[Symbol.asyncDispose]()
})

/** The same browser, as it was a moment ago. */
function copyOf(browser: Browser): Browser {
  const copy = browser.other()
  copy.cookies = new Map(browser.cookies)
  return copy
}

const cookieOf = ({ cookies }: Browser) => cookies.get('payflow_refresh')

/** So much time passes for a person's tokens, by the database. */
async function pass(seconds: number, { id }: Browser): Promise<void> {
  await sql`
    update refresh_tokens set used_at = used_at - make_interval(secs => ${seconds})
    where family_id in (select id from refresh_families where user_id = ${id})`.execute(
    system.database.db,
  )
}

describe('AUTH-05 a refresh token that comes again', () => {
  test('within the grace gets the same successor, from every process and at once', async () => {
    const browser = await system.person()
    const copies = Array.from({ length: 20 }, () => copyOf(browser))
    const answers = await Promise.all(
      copies.map((copy, at) => copy.refresh(system.services[at % 2]?.url)),
    )
    expect(new Set(answers)).toEqual(new Set(['200']))
    expect(new Set(copies.map(cookieOf)).size).toBe(1)
    expect(cookieOf(copies[0]!)).not.toBe(cookieOf(browser))
    // And the one that is left works.
    expect(await copies[0]!.refresh()).toBe('200')
    expect(await browser.sessions()).toHaveLength(1)
  })

  test('after a process died before it answered gets its answer from another one', async () => {
    const browser = await system.person()
    const before = cookieOf(browser)
    await system.first.child.arm('auth.refresh.rotated', 'kill')
    await expect(browser.refresh()).rejects.toThrow('fetch failed')
    await system.replace()
    expect(cookieOf(browser)).toBe(before)
    expect(await browser.refresh()).toBe('200')
    expect(await browser.refresh()).toBe('200')
  })

  test('after the grace ends the session of thief and owner', async () => {
    const browser = await system.person()
    const thief = copyOf(browser)
    expect(await browser.refresh()).toBe('200')
    await pass(GRACE_S, browser)
    expect(await thief.refresh()).toBe(ended)
    expect(await browser.refresh()).toBe(ended)
    expect(await system.audit(browser.id)).toContain('session_stolen')
  })

  test('from another browser ends the session, however soon', async () => {
    const browser = await system.person()
    const thief = copyOf(browser)
    thief.cookies.set('payflow_device', 'a'.repeat(43))
    expect(await browser.refresh()).toBe('200')
    expect(await thief.refresh()).toBe(ended)
    expect(await browser.refresh()).toBe(ended)
  })

  test('belongs to the browser as it is known since it has set a new password', async () => {
    const browser = await system.person()
    // Its cookie went missing, or its session is older than such cookies.
    browser.cookies.delete('payflow_device')
    await sql`
      update refresh_families set device_hash = null where user_id = ${browser.id}`.execute(
      system.database.db,
    )
    expect(await browser.changePassword(PASSWORD, 'another long password')).toBe('204')
    const copy = copyOf(browser)
    expect(await browser.refresh()).toBe('200')
    expect(await copy.refresh()).toBe('200')
    expect(cookieOf(copy)).toBe(cookieOf(browser))
  })

  test('brings the cookie again by which the browser is known, so that it does not lapse', async () => {
    const browser = await system.person()
    const answer = await browser.send('POST', '/auth/refresh')
    const device = answer.headers.getSetCookie().find((line) => line.startsWith('payflow_device='))
    expect(device).toContain(`payflow_device=${browser.cookies.get('payflow_device')};`)
    expect(device).toContain('Max-Age=31536000')
    const unknown = await system.person()
    unknown.cookies.delete('payflow_device')
    expect((await unknown.send('POST', '/auth/refresh')).headers.getSetCookie()).toHaveLength(1)
  })

  test('when its successor has been used gets nothing, and takes nothing away', async () => {
    const browser = await system.person()
    const late = copyOf(browser)
    for (let at = 0; at < 2; at += 1) expect(await browser.refresh()).toBe('200')
    expect(await late.refresh()).toBe(ended)
    expect(await browser.refresh()).toBe('200')
  })

  test('shows a thief who was faster when the owner comes back', async () => {
    const browser = await system.person()
    const thief = copyOf(browser)
    expect(await thief.refresh()).toBe('200')
    expect(await thief.refresh()).toBe('200')
    await pass(GRACE_S, browser)
    expect(await browser.refresh()).toBe(ended)
    expect(await thief.refresh()).toBe(ended)
  })

  test('leaves nothing in the database from which it, or its successor, could be made', async () => {
    const browser = await system.person()
    const first = cookieOf(browser) ?? ''
    await browser.refresh()
    const second = cookieOf(browser) ?? ''
    const { rows } = await sql<{ row: string }>`
      select to_jsonb(token)::text as row from refresh_tokens token`.execute(system.database.db)
    const text = rows.map(({ row }) => row).join('\n')
    for (const token of [first, second]) {
      expect(text).not.toContain(token)
      expect(text).not.toContain(Buffer.from(token).toString('hex'))
      expect(text).not.toContain(Buffer.from(token, 'base64url').toString('hex'))
    }
  })
})

describe('an access token', () => {
  test('names its session, the same one after each renewal', async () => {
    const browser = await system.person()
    const [session] = await browser.sessions()
    expect(decodeJwt(browser.session!.accessToken)['sid']).toBe(session?.id)
    const answer = await browser.send('POST', '/auth/refresh')
    const { accessToken } = (await answer.json()) as { accessToken: string }
    expect(decodeJwt(accessToken)['sid']).toBe(session?.id)
  })
})
