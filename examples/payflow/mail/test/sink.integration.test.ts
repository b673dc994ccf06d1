/*
 * Goal: every mail that was answered 250 can be read, also after a kill -9, and a mail that is hostile
 * can do nothing to whoever reads it.
 * Method: the sink as its process, mails through nodemailer, the page over HTTP.
 */
import { randomUUID } from 'node:crypto'
import { readdirSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { join } from 'node:path'
import { startService, type RunningService } from '@payflow-app/service-kit/testing'
import { freePort, temporaryFolder } from '@payflow/testkit'
import { createTransport } from 'nodemailer'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const main = new URL('../src/main.ts', import.meta.url)
const dir = temporaryFolder('mail-sink')
let smtpPort: number
let sink: RunningService

const env = () => ({
  NODE_ENV: 'development',
  MAIL_DIR: dir,
  SMTP_PORT: String(smtpPort),
  MAILS_MAX: '5',
  MAIL_BYTES_MAX: '20000',
})

beforeAll(async () => {
  smtpPort = await freePort()
  sink = await startService(main, env())
})
afterAll(() => sink.child.kill())

interface Summary {
  readonly id: string
  readonly to: readonly string[]
  readonly subject: string
  readonly messageId: string
}

async function mail(to: string, fields: Readonly<Record<string, string>> = {}): Promise<void> {
  const transport = createTransport({ host: '127.0.0.1', port: smtpPort, ignoreTLS: true })
  await transport.sendMail({ from: 'a@payflow.test', to, subject: 'S', text: 'T', ...fields })
}

const get = (path: string) => fetch(sink.url + path)

async function list(query = ''): Promise<Summary[]> {
  return ((await (await get(`/api/mails${query}`)).json()) as { items: Summary[] }).items
}

describe('the mail sink', () => {
  it('shows what came, newest first, by recipient, as page and as JSON', async () => {
    await mail('ada@payflow.test', { subject: 'first', messageId: '<1@payflow.test>' })
    await mail('Grace@payflow.test', { subject: 'second', html: '<p>Second</p>' })
    expect((await list()).map(({ subject }) => subject)).toEqual(['second', 'first'])
    const [ada] = await list('?to=ADA@payflow.test')
    expect(ada).toMatchObject({ to: ['ada@payflow.test'], messageId: '<1@payflow.test>' })
    const [grace] = await list('?to=grace@payflow.test')
    const whole = await (await get(`/api/mails/${grace?.id}`)).json()
    expect(whole).toMatchObject({ subject: 'second', text: 'T', html: '<p>Second</p>' })

    const page = await (await get('/')).text()
    expect(page.indexOf('second')).toBeLessThan(page.indexOf('first'))
    expect(await (await get(`/mails/${ada?.id}`)).text()).toContain('<pre>T')
    expect(await (await get(`/mails/${ada?.id}/raw`)).text()).toContain('Subject: first')
  })

  it('still has them after a kill -9, and not more than it may keep', async () => {
    for (let at = 1; at <= 4; at += 1) await mail('ada@payflow.test', { subject: `more ${at}` })
    const before = await list()
    expect(before.map(({ subject }) => subject)).toEqual([
      'more 4',
      'more 3',
      'more 2',
      'more 1',
      'second',
    ])
    expect(readdirSync(dir)).toHaveLength(5)
    await sink.child.kill()
    sink = await startService(main, env())
    expect(await list()).toEqual(before)
  })

  it('removes what was half written when it died, and nothing that is not its own', async () => {
    const [whole = ''] = readdirSync(dir)
    const before = await list()
    await sink.child.kill()
    const half = whole.replace(/[0-9a-f-]{36}\.eml$/, `${randomUUID()}.eml.part`)
    for (const file of [half, 'notes.part']) writeFileSync(join(dir, file), 'Delivered-To: a')
    sink = await startService(main, env())
    expect(readdirSync(dir)).toContain('notes.part')
    expect(readdirSync(dir)).not.toContain(half)
    expect(await list()).toEqual(before)
    rmSync(join(dir, 'notes.part'))
  })

  it('answers 404 to who asks for a mail that is being forgotten', async () => {
    await mail('ada@payflow.test')
    const [{ id } = { id: '' }] = await list()
    const [file = ''] = readdirSync(dir).filter((one) => one.includes(id))
    rmSync(join(dir, file))
    for (const path of [`/mails/${id}`, `/mails/${id}/raw`, `/api/mails/${id}`]) {
      expect((await get(path)).status).toBe(404)
    }
  })

  it('refuses a mail that is too large, and takes the next', async () => {
    const large = mail('ada@payflow.test', { text: 'x'.repeat(50_000) })
    await expect(large).rejects.toMatchObject({ responseCode: 552 })
    await mail('ada@payflow.test', { subject: 'after' })
    expect((await list())[0]?.subject).toBe('after')
  })

  it('shows a hostile mail in a frame that may do nothing', async () => {
    const script = '<script>fetch("/api/mails")</script>'
    await mail('eve@payflow.test', { subject: script, text: script, html: script })
    const [{ id } = { id: '' }] = await list('?to=eve@payflow.test')
    for (const path of ['/', `/mails/${id}`]) {
      const answer = await get(path)
      expect(await answer.text()).not.toContain('<script>')
      expect(answer.headers.get('content-security-policy')).toContain("default-src 'none'")
    }
    const frame = await get(`/mails/${id}/html`)
    expect(frame.headers.get('content-security-policy')).toMatch(
      /^sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'/,
    )
    const page = await (await get(`/mails/${id}`)).text()
    expect(page).toContain('sandbox="allow-popups allow-popups-to-escape-sandbox"')
    expect((await get(`/mails/${id}/raw`)).headers.get('content-type')).toMatch(/^text\/plain/)
  })

  it('answers under no other name, and 404 and 400 to what is not there', async () => {
    const { port } = new URL(sink.url)
    const status = await new Promise((resolve) => {
      const asked = request({ port, host: '127.0.0.1', headers: { host: 'evil.example' } })
      asked.on('response', (answer) => resolve(answer.resume().statusCode)).end()
    })
    expect(status).toBe(403)
    expect((await get('/mails/00000000-0000-4000-8000-000000000000')).status).toBe(404)
    expect((await get('/mails/..%2f..%2fetc')).status).toBe(400)
    expect((await get('/api/mails?limit=x')).status).toBe(400)
  })

  it.each([
    ['NODE_ENV', 'production'],
    ['HOST', '0.0.0.0'],
  ])('does not start with %s=%s', async (name, value) => {
    const start = startService(main, { ...env(), SMTP_PORT: '0', [name]: value })
    await expect(start).rejects.toThrow(`"name":"${name}"`)
  })
})
