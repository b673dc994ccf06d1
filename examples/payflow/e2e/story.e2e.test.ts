/*
 * Goal: `npm run story` can be followed and believed: it ends with 0 when the promise holds, on a
 * stack of its own and on one that somebody is using, which it leaves as it found it.
 * Method: the script as a process of its own, its output read as a person's pipe would get it.
 */
import { existsSync } from 'node:fs'
import { dirname } from 'node:path'
import { isAlive, spawnChild, temporaryFolder, waitFor, type Child } from '@payflow/testkit'
import { startStack, type Stack } from '@payflow-app/stack'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { auditAll, settle, SOUND, User } from './src/index.ts'

const script = new URL('../../../scripts/story.ts', import.meta.url)
const uuid = /[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}/
const ACTS = [
  'A payment is accepted, and then nothing happens',
  'The worker is killed after the money moved',
  'The worker is killed after the commit, before the ack',
  'The customer presses the button again',
  'The audit',
]

function startStory(dir: string): Promise<Child> {
  return spawnChild(script, {
    env: { PAYFLOW_DIR: dir, CI: undefined, NO_COLOR: undefined, FORCE_COLOR: undefined },
  })
}

async function ended(story: Child): Promise<string> {
  const { code } = await story.exited
  expect(code, `${story.stdout()}\n${story.stderr()}`).toBe(0)
  return story.stdout()
}

/** What every telling must have, wherever it was played. */
function expectWholeStory(text: string): void {
  const at = ACTS.map((act, index) => text.indexOf(`━━ ${index + 1} ━━ ${act} ━`))
  expect(at.every((position) => position > 0)).toBe(true)
  expect(at).toEqual(at.toSorted((one, other) => one - other))
  expect(text).toContain('"Transaction received. Processing."')
  expect(text).toMatch(/POST \/wallets\/transfer 200\s+false/)
  expect(text).toMatch(/POST \/wallets\/transfer 200\s+true/)
  expect(text).toMatch(/known message: it was committed before/)
  expect(text).toContain('Idempotent-Replayed: true')
  expect(text).toContain('The ticket is answered')
  expect(text).not.toContain('✗')
  expect(text.match(/✓ …[0-9a-f]{6} is COMPLETED, was moved once/g)).toHaveLength(2)
}

/** Payments by their lines in the audit: id, times the ledger was asked, times money moved, told. */
function auditLines(text: string): string[][] {
  const line = new RegExp(
    `(${uuid.source})\\s+\\$\\S+\\s+COMPLETED\\s+(\\d)×\\s+(\\d)×\\s+(\\d)×`,
    'g',
  )
  return [...text.matchAll(line)].map((match) => match.slice(1))
}

describe('npm run story', () => {
  it('starts a stack of its own where none runs, and leaves nothing behind', async () => {
    const text = await ended(await startStory(temporaryFolder('no-stack')))
    expectWholeStory(text)
    const lines = auditLines(text)
    expect(lines.map((line) => line.slice(1))).toEqual([
      ['2', '1', '2'],
      ['1', '1', '2'],
    ])
    // Whoever reads an id later has seen it in full before.
    for (const [, ending = ''] of text.matchAll(/…([0-9a-f]{6})/g)) {
      expect(text.search(new RegExp(`[0-9a-f-]{30}${ending}`))).toBeGreaterThan(0)
    }
    // A pipe gets plain lines that fit a terminal.
    expect(text).not.toContain('\u001B')
    expect(text).not.toContain('\r')
    const longest = Math.max(...text.split('\n').map((line) => line.length))
    expect(longest).toBeLessThanOrEqual(100)
    for (const [, pid] of text.matchAll(/Worker (\d+)/g)) expect(isAlive(Number(pid))).toBe(false)
  })
})

describe('npm run story, on a wallet that is in use', () => {
  let dir: string
  let stack: Stack
  let ada: User
  let grace: User

  beforeAll(async () => {
    dir = temporaryFolder('story')
    stack = await startStack({ dir, ownServers: true })
    ;[ada, grace] = await Promise.all([User.register(stack.url), User.register(stack.url)])
  })
  afterAll(async () => {
    await stack?.stop()
  })

  it('plays beside other people’s payments and leaves the stack running', async () => {
    const story = await startStory(dir)
    let over = false
    void story.exited.then(() => (over = true))
    const paid: string[] = []
    while (!over) {
      // Another one only when the last has ended, which takes as long as the worker is dead.
      const { body } = await ada.payUntilAnswered({ toUserId: grace.id, amount: 100 })
      paid.push(body.id)
      await settle(ada, body.id, 60_000)
    }
    const text = await ended(story)
    expectWholeStory(text)
    expect(text).toContain(`Played on the wallet that is running at ${stack.url}`)
    expect(auditLines(text).map(([, , moved]) => moved)).toEqual(['1', '1'])
    expect(existsSync(stack.stackFile)).toBe(true)
    expect(dirname(stack.stackFile)).toBe(dir)
    expect(paid.length).toBeGreaterThan(2)
    expect(await ada.wallet()).toMatchObject({ balance: 100_000 - paid.length * 100 })
    expect(await auditAll(stack)).toMatchObject(SOUND)
  })

  it('gives the wallet its worker back when it is interrupted while there is none', async () => {
    const story = await startStory(dir)
    await waitFor(() => stack.pid('worker') === 0, { timeoutMs: 60_000, message: 'no worker' })
    expect((await story.kill('SIGINT')).code).toBe(130)
    expect(story.stdout()).not.toContain('The ticket is answered')
    await waitFor(() => stack.pid('worker'), { message: 'a worker' })
    const { body } = await ada.payUntilAnswered({ toUserId: grace.id, amount: 100 })
    expect(await settle(ada, body.id, 30_000)).toMatchObject({ status: 'COMPLETED' })
  })

  // Last, for it spoils the books.
  it('says what is wrong, and ends with 1, when the books do not add up', async () => {
    const client = new pg.Client({ connectionString: stack.adminUrl('wallet') })
    await client.connect()
    // The ledger refuses such an UPDATE from everybody who leaves its triggers on.
    await client.query(`set session_replication_role = replica`)
    const { rowCount } = await client.query(
      `update ledger.account set posted_debits_minor = posted_debits_minor + 1
       where floor_minor is null`,
    )
    expect(rowCount).toBe(1)
    await client.end()
    const story = await startStory(dir)
    const exit = await story.exited
    expect(exit, `${story.stdout()}\n${story.stderr()}`).toEqual({ code: 1, signal: null })
    expect(story.stdout()).toContain('✗ NOT TRUE: Over all accounts debits less credits is zero')
    expect(story.stdout()).toContain('The ticket stays open: 2 statements did not hold.')
    expect(story.stdout()).not.toContain('The ticket is answered')
  })
})
