/*
 * Goal: people can see where they are logged in and end it, change a password they know and set one
 * they have forgotten; what the old password opened is closed, and all of it is written down for good.
 * Method: auth-service as its real process on a real PostgreSQL. RabbitMQ is away: what would be
 * mailed is looked up in the outbox.
 */
import { randomUUID } from 'node:crypto'
import { problemSchema } from '@payflow-app/contracts'
import { waitFor } from '@payflow/testkit'
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { AuthSystem, Browser, PASSWORD } from './support/people.ts'

const ended = '401 refresh_token_invalid'
const newPassword = 'another correct horse'
let system: AuthSystem

beforeAll(async () => {
  system = await AuthSystem.start()
})
afterAll(async () => {
  await system?.[Symbol.asyncDispose]()
})

/** The same person in another browser, logged in. */
async function elsewhere(browser: Browser): Promise<Browser> {
  const other = browser.other()
  await other.login()
  return other
}

const codeOf = async (answer: Response) => problemSchema.parse(await answer.json()).code

describe('sessions', () => {
  test('are listed to their owner, the own one marked', async () => {
    const browser = await system.person()
    const other = await elsewhere(browser)
    const [here, there] = [await browser.sessions(), await other.sessions()]
    expect(here).toHaveLength(2)
    expect(here.map(({ client }) => client)).toEqual(['Firefox on Linux', 'Firefox on Linux'])
    expect(here.find(({ current }) => current)?.id).not.toBe(there.find((one) => one.current)?.id)
  })

  test('can be ended one by one, again and again, and by nobody else', async () => {
    const [browser, stranger] = [await system.person(), await system.person()]
    const other = await elsewhere(browser)
    const id = (await other.sessions()).find(({ current }) => current)?.id
    const foreign = await stranger.send('DELETE', `/auth/sessions/${id}`)
    expect([foreign.status, await codeOf(foreign)]).toEqual([404, 'not_found'])
    for (let at = 0; at < 2; at += 1) {
      expect((await browser.send('DELETE', `/auth/sessions/${id}`)).status).toBe(204)
    }
    expect(await other.refresh()).toBe(ended)
    // Its access token lives on elsewhere, but not where accounts are kept safe.
    for (const path of ['/auth/sessions', '/auth/activity']) {
      expect((await other.send('GET', path)).status).toBe(401)
    }
    expect(await browser.refresh()).toBe('200')
    expect(await system.audit(browser.id)).toEqual(['registered', 'logged_in', 'session_ended'])
  })

  test('are ended everywhere at once, this one too', async () => {
    const browser = await system.person()
    const other = await elsewhere(browser)
    expect(await browser.post('/auth/logout-all')).toBe(204)
    expect(browser.cookies.has('payflow_refresh')).toBe(false)
    expect(await other.refresh()).toBe(ended)
    expect((await other.send('GET', '/auth/sessions')).status).toBe(401)
  })
})

describe('AUTH-06 changing a password', () => {
  test('needs the current one, ends all other sessions, and tells the owner', async () => {
    const browser = await system.person()
    const other = await elsewhere(browser)
    expect(await browser.changePassword('wrong', newPassword)).toBe('422 password_wrong')
    expect(await browser.changePassword(PASSWORD, newPassword)).toBe('204')
    expect(await other.refresh()).toBe(ended)
    expect(await browser.refresh()).toBe('200')
    expect(await browser.other().guess(PASSWORD)).toBe(401)
    expect(await browser.other().guess(newPassword)).toBe(200)
    const told = await system.waiting(browser.id)
    expect(told).toMatchObject([
      { type: 'users.password_changed', data: { by: 'user', email: browser.email, name: 'Annie' } },
    ])
  })

  test('is no way to guess the current one', async () => {
    const browser = await system.person()
    const guesses = Array.from({ length: 12 }, () =>
      browser.changePassword('wrong password', newPassword),
    )
    const answers = await Promise.all(guesses)
    expect(answers.filter((answer) => answer === '422 password_wrong')).toHaveLength(5)
    expect(answers.filter((answer) => answer === '429 rate_limited')).toHaveLength(7)
    const locked = await browser.send('POST', '/auth/change-password', {
      currentPassword: PASSWORD,
      newPassword,
    })
    expect([locked.status, locked.headers.get('retry-after')]).toEqual([429, '1800'])
  })

  test('leaves no session of a login that looked at the old one', async () => {
    const browser = await system.person()
    const late = browser.other()
    await system.first.child.arm('auth.attempt.counted', 'stop')
    const login = late.guess(PASSWORD)
    await system.first.child.reached('auth.attempt.counted')
    expect(await browser.changePassword(PASSWORD, newPassword)).toBe('204')
    system.first.child.go('auth.attempt.counted')
    // Whether it saw the old hash or the new one: the old password opens nothing any more.
    expect(await login).toBe(401)
    expect(await browser.sessions()).toHaveLength(1)
  })

  test('by two at once, in two processes, is done once', async () => {
    const [browser, second] = [await system.person(), await system.add()]
    const other = await elsewhere(browser)
    await system.first.child.arm('auth.password.proved', 'stop')
    const slow = browser.changePassword(PASSWORD, 'the slower password')
    await system.first.child.reached('auth.password.proved')
    const body = { currentPassword: PASSWORD, newPassword: 'the faster password' }
    expect(await other.post('/auth/change-password', body, second.url)).toBe(204)
    system.first.child.go('auth.password.proved')
    expect(await slow).toBe('422 password_wrong')
    expect(await browser.other().guess('the faster password')).toBe(200)
    await second.child.kill()
    system.services.pop()
  })
})

describe('AUTH-07 a forgotten password', () => {
  test('is set anew with the link, which is good once, ends all sessions and unlocks', async () => {
    const browser = await system.person()
    const other = await elsewhere(browser)
    for (let at = 0; at < 5; at += 1) await browser.other().guess('wrong password')
    const token = await system.resetToken(browser)
    const fresh = browser.other()
    expect(await fresh.resetPassword('x'.repeat(43), newPassword)).toBe('422 reset_token_invalid')
    expect(await fresh.resetPassword(token, newPassword)).toBe('204')
    expect(await fresh.resetPassword(token, 'yet another one')).toBe('422 reset_token_invalid')
    for (const one of [browser, other]) expect(await one.refresh()).toBe(ended)
    expect(await browser.other().guess(PASSWORD)).toBe(401)
    expect(await fresh.guess(newPassword)).toBe(200)
    const told = await system.waiting(browser.id)
    expect(told.at(-1)).toMatchObject({ type: 'users.password_changed', data: { by: 'reset' } })
  })

  test('keeps who has set it able to log in while strangers go on guessing', async () => {
    const browser = await system.person()
    const fresh = browser.other()
    expect(await fresh.resetPassword(await system.resetToken(browser), newPassword)).toBe('204')
    for (let at = 0; at < 8; at += 1) await browser.other().guess('wrong password')
    expect(await fresh.guess(newPassword)).toBe(200)
  })

  test('is set once by many who have the link at once', async () => {
    const browser = await system.person()
    const token = await system.resetToken(browser)
    const passwords = Array.from({ length: 8 }, (_, at) => `a new password ${at}`)
    const answers = await Promise.all(
      passwords.map((password) => browser.other().resetPassword(token, password)),
    )
    expect(answers.filter((answer) => answer === '204')).toHaveLength(1)
    expect(new Set(answers)).toEqual(new Set(['204', '422 reset_token_invalid']))
  })

  test('is answered the same for everybody, and mailed three times in half an hour', async () => {
    const browser = await system.person()
    const stranger = new Browser(system, `${randomUUID()}@example.com`)
    const answers = new Set<string>()
    for (const email of [browser.email, stranger.email, 'no address at all']) {
      for (let at = 0; at < 5; at += 1) {
        const answer = await stranger.send('POST', '/auth/forgot-password', { email })
        answers.add(`${answer.status} ${await answer.text()}`)
      }
    }
    expect(answers).toEqual(new Set(['202 ']))
    await waitFor(async () => {
      const { rows } = await sql`select from reset_requests`.execute(system.database.db)
      return rows.length === 0
    })
    const told = await system.waiting(browser.id)
    expect(told.map(({ type }) => type)).toEqual(
      Array.from({ length: 3 }, () => 'users.password_reset_requested'),
    )
    const data = told[0]?.data ?? {}
    const lifeMs = Date.parse(data['expiresAt'] ?? '') - Date.now()
    expect(Math.abs(lifeMs - 1_800_000)).toBeLessThan(60_000)
  })

  test('has a link that ends by the clock of the database, and with every new password', async () => {
    const browser = await system.person()
    const [first, second] = [await system.resetToken(browser), await system.resetToken(browser)]
    await sql`update reset_tokens set expires_at = now() where user_id = ${browser.id}
      and created_at = (select min(created_at) from reset_tokens where user_id = ${browser.id})`.execute(
      system.database.db,
    )
    expect(await browser.resetPassword(first, newPassword)).toBe('422 reset_token_invalid')
    expect(await browser.changePassword(PASSWORD, newPassword)).toBe('204')
    expect(await browser.resetPassword(second, PASSWORD)).toBe('422 reset_token_invalid')
  })

  test('is mailed although the process died in the middle', async () => {
    const browser = await system.person()
    await system.first.child.arm('auth.reset.written', 'kill')
    const body = { email: browser.email }
    await browser.post('/auth/forgot-password', body).catch(() => undefined)
    await system.first.child.exited
    expect(await system.waiting(browser.id)).toEqual([])
    await system.replace()
    await waitFor(async () => (await system.waiting(browser.id)).length === 1)
  })

  test('keeps the token out of tables, logs and answers', async () => {
    const browser = await system.person()
    const token = await system.resetToken(browser)
    await browser.resetPassword(token, newPassword)
    const { rows } = await sql<{ row: string }>`
      select to_jsonb(one)::text as row from reset_tokens one
      union all select to_jsonb(one)::text from audit_events one`.execute(system.database.db)
    const written = rows.map(({ row }) => row).join('\n') + system.first.child.stdout()
    for (const secret of [token, newPassword, PASSWORD]) expect(written).not.toContain(secret)
    expect(written).not.toContain(Buffer.from(token, 'base64url').toString('hex'))
  })
})

describe('AUTH-08 the audit log', () => {
  test('shows everybody what happened to their account, page by page', async () => {
    const [browser, stranger] = [await system.person(), await system.person()]
    await browser.other().guess('wrong password')
    await browser.login()
    await browser.changePassword(PASSWORD, newPassword)
    const seen: string[] = []
    let cursor: string | null = ''
    while (cursor !== null) {
      const query: string = cursor === '' ? '' : `&cursor=${cursor}`
      const answer = await browser.send('GET', `/auth/activity?limit=1${query}`)
      const page = (await answer.json()) as { items: { type: string }[]; nextCursor: string | null }
      seen.push(...page.items.map(({ type }) => type))
      cursor = page.nextCursor
    }
    expect(seen).toEqual(['password_changed', 'logged_in', 'login_failed', 'registered'])
    expect((await stranger.activity()).map(({ type }) => type)).toEqual(['registered'])
    expect((await browser.activity()).map(({ client }) => client)).toContain('Firefox on Linux')
  })

  test('cannot be changed, not even by the owner of the table', async () => {
    await system.person()
    const attempts = [
      sql`update audit_events set type = 'logged_in'`,
      sql`delete from audit_events`,
      sql`truncate audit_events`,
    ]
    for (const attempt of attempts) {
      await expect(attempt.execute(system.database.db)).rejects.toThrow('append-only')
    }
  })

  test('names who asked by hashes only, and the request by its id', async () => {
    const browser = await system.person()
    const { rows } = await sql<{ address: Buffer; request: string; row: string }>`
      select address_hash as address, request_id as request, to_jsonb(one)::text as row
      from audit_events one where user_id = ${browser.id}`.execute(system.database.db)
    expect(rows[0]?.address).toHaveLength(32)
    expect(rows[0]?.request).toMatch(/^[\da-f-]{36}$/)
    expect(rows[0]?.row).not.toContain('192.0.2.7')
    expect(rows[0]?.row).not.toContain(browser.email)
  })
})
