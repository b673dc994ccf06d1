/*
 * Goal: any number of people who log in at once cost a bounded amount of memory, and hashes follow the
 * cost that is configured.
 * Method: auth-service with hashes of 32 MiB and room for one of them, held while forty log-ins come.
 */
import { readFileSync } from 'node:fs'
import { problemSchema } from '@payflow-app/contracts'
import { waitFor } from '@payflow/testkit'
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { AuthSystem, PASSWORD, type Browser } from './support/people.ts'

const MIB = 1_024 * 1_024
const HASH_MIB = 32
const RUNNING_MAX = 1
const WAITING_MAX = 6
let system: AuthSystem

beforeAll(async () => {
  system = await AuthSystem.start({
    PASSWORD_HASH_MEMORY_KIB: String(HASH_MIB * 1_024),
    PASSWORD_HASHES_MAX: String(RUNNING_MAX),
    PASSWORD_HASHES_WAITING_MAX: String(WAITING_MAX),
  })
})
afterAll(async () => {
  await system?.[Symbol.asyncDispose]()
})

/** The most memory the process has had so far, as Linux keeps it. */
function peakBytes(): number {
  const status = readFileSync(`/proc/${system.first.child.pid}/status`, 'utf8')
  return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1]) * 1_024
}

async function hashOf({ id }: Browser): Promise<string> {
  const { rows } = await sql<{ hash: string }>`
    select password_hash as hash from users where id = ${id}`.execute(system.database.db)
  return rows[0]?.hash ?? ''
}

describe('AUTH-10 log-ins at once', () => {
  test('take the memory of one hash, whatever comes; the rest is told to come back', async () => {
    const owner = await system.person()
    const before = peakBytes()
    const { child } = system.first
    await child.arm('auth.attempt.counted', 'stop')
    const answers: Response[] = []
    const logins = Array.from({ length: 40 }, async (_, at) => {
      const body = { email: `nobody.${at}@example.com`, password: PASSWORD }
      answers.push(await owner.other().send('POST', '/auth/login', body))
    })
    const refusedCount = 40 - RUNNING_MAX - WAITING_MAX
    await waitFor(() => answers.length === refusedCount, { message: 'the others to be refused' })
    child.go('auth.attempt.counted')
    await Promise.all(logins)
    const statuses = answers.map(({ status }) => status)
    expect(statuses.slice(0, refusedCount)).toEqual(statuses.slice(0, refusedCount).fill(503))
    expect(statuses.slice(refusedCount)).toEqual(statuses.slice(refusedCount).fill(401))
    expect(answers[0]?.headers.get('retry-after')).toBe('2')
    expect(problemSchema.parse(await answers[0]?.json()).code).toBe('service_unavailable')
    // Room for a second hash, for the memory of the first may not have been given back; not for 40.
    expect((peakBytes() - before) / MIB).toBeLessThan(3 * HASH_MIB)
    expect(await owner.guess(PASSWORD)).toBe(200)
  })

  test('that were turned away are no attempts', async () => {
    const [owner, other] = [await system.person(), await system.person()]
    const { child } = system.first
    await child.arm('auth.attempt.counted', 'stop')
    const held = other.guess(PASSWORD)
    await child.reached('auth.attempt.counted')
    // They fill the places to wait, so that every guess after them is turned away.
    const waiting = Array.from({ length: WAITING_MAX }, () => system.person())
    await waitFor(async () => {
      const metrics = await (await fetch(`${system.url}/metrics`)).text()
      const [, waits] =
        /^payflow_password_hashes\{.*state="waiting".*\} (\d+)$/m.exec(metrics) ?? []
      return Number(waits) === WAITING_MAX
    })
    for (let at = 0; at < 8; at += 1) expect(await owner.guess('wrong password')).toBe(503)
    child.go('auth.attempt.counted')
    await Promise.all([held, ...waiting])
    expect(await system.audit(owner.id)).toEqual(['registered'])
    expect(await owner.guess(PASSWORD)).toBe(200)
  })
})

describe('the cost of a hash', () => {
  test('is followed by the hashes of those who log in, and by nobody else’s', async () => {
    const [owner, absent] = [await system.person(), await system.person()]
    const before = await hashOf(owner)
    expect(before).toContain('m=32768,t=2,p=1')
    const cheaper = await system.add({
      PASSWORD_HASH_MEMORY_KIB: '8192',
      PASSWORD_HASH_PASSES: '3',
    })
    expect(await owner.guess('wrong password', cheaper.url)).toBe(401)
    expect(await hashOf(owner)).toBe(before)
    expect(await owner.guess(PASSWORD, cheaper.url)).toBe(200)
    expect(await hashOf(owner)).toContain('m=8192,t=3,p=1')
    expect(await hashOf(absent)).toContain('m=32768,t=2,p=1')
    // The session goes on, and so does the password.
    expect(await owner.refresh()).toBe('200')
    expect(await owner.guess(PASSWORD, cheaper.url)).toBe(200)
  })
})
