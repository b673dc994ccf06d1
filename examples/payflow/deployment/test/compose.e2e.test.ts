/*
 * Goal: docker-compose.yml starts a wallet that works.
 * Method: the file is run as it stands, without containers (support/compose-lite.ts says how), and
 * somebody pays. What the containers themselves add is left out: images, networks, limits.
 */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { settle, User } from '@payflow-app/e2e'
import { findDockerCompose, temporaryFolder, waitFor } from '@payflow/testkit'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readComposeFile, withoutProfiles } from '../src/compose/compose-file.ts'
import { loadSecretFiles } from '../src/index.ts'
import { ComposeLite, type Ended } from './support/compose-lite.ts'

const root = resolve(import.meta.dirname, '../../../..')
const path = join(root, 'docker-compose.yml')
let secrets: string
let compose: ComposeLite
let stopped: Ended[] | undefined

beforeAll(async () => {
  secrets = join(temporaryFolder('compose-secrets'), 'made')
  loadSecretFiles(secrets)
  const text = readFileSync(path, 'utf8')
  const file = readComposeFile(text, { PAYFLOW_SECRETS: secrets })
  // What a profile adds are images that are not ours.
  compose = new ComposeLite(withoutProfiles(file))
  await compose.up()
})
afterAll(async () => {
  if (stopped === undefined) await compose?.stop()
})

describe('the Compose file', () => {
  test('is understood by docker-compose, with secrets and not without', async () => {
    const program = await findDockerCompose()
    const config = (settings: Record<string, string>) =>
      execFileSync(program, ['--file', path, 'config', '--quiet'], {
        env: { PATH: process.env['PATH'], ...settings },
        stdio: 'pipe',
      })
    config({ PAYFLOW_SECRETS: secrets })
    expect(() => config({ PAYFLOW_SECRETS: '' })).toThrow('make them first, with npm run secrets')
  })

  test('starts what others need before them', () => {
    const at = (event: string) => {
      expect(compose.events).toContain(event)
      return compose.events.indexOf(event)
    }
    expect(at('healthy postgres')).toBeLessThan(at('start migrations'))
    for (const name of ['auth', 'wallet', 'transaction', 'notification']) {
      expect(at('completed migrations')).toBeLessThan(at(`start ${name}`))
      expect(at(`healthy ${name}`)).toBeLessThan(at('start gateway'))
    }
    expect(at('healthy rabbitmq')).toBeLessThan(at('start transaction'))
    expect(at('healthy transaction')).toBeLessThan(at('start worker'))
  })

  test('has checks that say no before they say yes', () => {
    expect(compose.refusals.get('gateway')).toBeGreaterThan(0)
  })

  test('serves the page and the API under one address, and a payment is made', async () => {
    const url = compose.url('gateway')
    const page = await (await fetch(`${url}/`, { headers: { accept: 'text/html' } })).text()
    expect(page).toContain('<div id="root">')
    const [ada, grace] = [await User.register(url, 'Ada'), await User.register(url, 'Grace')]
    const answer = await ada.payUntilAnswered({ toUserId: grace.id, amount: 5_000 })
    expect(answer.status).toBe(202)
    expect((await settle(ada, answer.body.id, 20_000)).status).toBe('COMPLETED')
    expect(await grace.wallet()).toMatchObject({ balance: 105_000, pending: 0 })
    await waitFor(
      async () => {
        const { body } = await grace.get<{ items: unknown[] }>('/api/notifications')
        return body.items.length > 0
      },
      { message: 'a notification for who got the money', timeoutMs: 60_000 },
    )
    const mails = `${compose.url('mail')}/api/mails?to=${encodeURIComponent(grace.email)}`
    await waitFor(
      async () => {
        const { items } = (await (await fetch(mails)).json()) as { items: unknown[] }
        return items.length > 0
      },
      { message: 'a mail for who got the money', timeoutMs: 60_000 },
    )
  })

  test('stops everything in order, within the time it gives', async () => {
    stopped = await compose.stop()
    expect(stopped).toHaveLength(8)
    expect(stopped.filter(({ code }) => code !== 0)).toEqual([])
  })
})
