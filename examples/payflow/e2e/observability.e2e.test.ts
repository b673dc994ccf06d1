/*
 * Goal: what PayFlow says of itself can be trusted and handed on: metrics that Prometheus can read
 * and no client can make grow, probes that differ, and logs without a secret.
 * Method: every process of PayFlow with LOG_LEVEL=trace, hostile and ordinary traffic with known
 * secrets, then one server after another taken away; at the end every line that was written is
 * searched. `vitest run … -u` writes the table of docs/metrics.md anew.
 */
import { randomUUID } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { API_OPERATIONS, apiRoute } from '@payflow-app/contracts/api'
import { PROCESS_PORTS, type PayflowProcess } from '@payflow-app/contracts/arrows'
import { startStack, type Stack } from '@payflow-app/stack'
import { waitFor } from '@payflow/testkit'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readExposition, type Family } from './src/exposition.ts'
import { PASSWORD, settle, User } from './src/index.ts'

const document = join(import.meta.dirname, '../../../docs/metrics.md')
const PROCESSES = Object.keys(PROCESS_PORTS) as PayflowProcess[]
const PATIENT = { timeoutMs: 60_000 }

let stack: Stack
let ada: User
let grace: User
/** What must be in no log, by what it is. */
const secrets = new Map<string, string>()

beforeAll(async () => {
  stack = await startStack({ env: { all: { LOG_LEVEL: 'trace' } } })
  ;[ada, grace] = await Promise.all([
    User.register(stack.url, 'Ada Lovelace'),
    User.register(stack.url, 'Grace Hopper'),
  ])
})
afterAll(async () => {
  await stack?.stop()
})

describe('metrics', () => {
  it('stay few whatever clients send', async () => {
    const round = async (): Promise<void> => {
      await hostile('GET', `/api/${randomUUID()}`)
      await hostile('GET', `/${randomUUID()}.php?x=${randomUUID()}`)
      await hostile('GET', `/api/transactions/${randomUUID()}`)
      for (const method of ['PATCH', 'PROPFIND', 'M-SEARCH'])
        await hostile(method, '/api/wallets/me')
    }
    await round()
    const before = seriesOf(await scrapeAll())
    for (let i = 0; i < 40; i += 1) await round()
    const after = seriesOf(await scrapeAll())
    const grown = [...after].filter((series) => !before.has(series))
    expect(grown.filter((series) => !/ (nodejs|process)_/.test(series))).toEqual([])
    for (const series of after) {
      expect(series).not.toMatch(/[\da-f]{8}-[\da-f]{4}-/)
      expect(series).not.toMatch(/"[^"]{60,}"/)
      expect(series).not.toMatch(/PROPFIND|PATCH|SEARCH|\.php/)
    }
  })

  it('follow the conventions of Prometheus', async () => {
    for (const { name, type, samples } of (await scrapeAll()).flatMap(([, page]) => page)) {
      if (/^(nodejs|process)_/.test(name)) continue
      expect(name).toMatch(/^(payflow|http)_[a-z_]+$/)
      expect(name.endsWith('_total'), name).toBe(type === 'counter')
      expect(name).not.toMatch(/_(ms|milliseconds|minutes|kb|percent)(_|$)/)
      expect(type !== 'histogram' || name.endsWith('_seconds'), name).toBe(true)
      for (const { labels } of samples) {
        expect(Object.keys(labels).filter((key) => /(^|_)id$|message|error/.test(key))).toEqual([])
      }
    }
  })

  it('tell how payments and queues are', async () => {
    const { body } = await ada.payUntilAnswered({ toUserId: grace.id, amount: 100 })
    await settle(ada, body.id, 30_000)
    const completed = 'payflow_payment_completion_seconds_count{outcome=COMPLETED}'
    // Counted after the commit that a client can see.
    const values = await waitFor(
      async () => {
        const seen = valuesOf(await scrapeAll())
        const isCounted = seen.get(completed) === 1
        return isCounted && seen.get('payflow_outbox_oldest_seconds{}') === 0 ? seen : undefined
      },
      { ...PATIENT, message: 'the payment to be counted' },
    )
    for (const queue of ['payments.execute', 'notifications.events']) {
      expect(values.get(`payflow_queue_depth{queue=${queue}}`)).toBe(0)
      expect(values.get(`payflow_queue_band{band=fine,queue=${queue}}`)).toBe(1)
      expect(values.get(`payflow_queue_consumers{queue=${queue}}`)).toBe(1)
      expect(values.get(`payflow_queue_parked{queue=${queue}}`)).toBe(0)
    }
    expect(values.get('payflow_ledger_imbalance_minor{currency=USD}')).toBe(0)
    expect(values.get('payflow_database_connections_max{}')).toBeGreaterThan(0)
  })

  it('are all in docs/metrics.md, and nothing else is', async () => {
    const text = readFileSync(document, 'utf8')
    const [begin, end] = ['<!-- generated: metrics -->\n', '<!-- end: metrics -->']
    const [from, to] = [text.indexOf(begin) + begin.length, text.indexOf(end)]
    expect(from > begin.length && to >= from).toBe(true)
    const written = `${text.slice(0, from)}\n${tableOf(await scrapeAll())}\n\n${text.slice(to)}`
    await expect(written).toMatchFileSnapshot(document)
  })
})

describe('logs', () => {
  it('have a line for each request, with its template, and none for probes', async () => {
    const id = randomUUID()
    await fetch(`${stack.url}/api/wallets/me`, {
      headers: { 'x-request-id': id, authorization: `Bearer ${ada.accessToken}` },
    })
    for (const path of ['/health/live', '/health/ready', '/health/startup', '/metrics']) {
      await fetch(stack.url + path, { headers: { 'x-request-id': id } })
    }
    const lines = await waitFor(
      () => {
        const found = [...linesOf('gateway'), ...linesOf('wallet')].filter(
          (line) => line['requestId'] === id && line['route'] !== undefined,
        )
        return found.length >= 2 ? found : undefined
      },
      { ...PATIENT, message: 'the lines of a request' },
    )
    expect(lines).toMatchObject([
      { service: 'gateway', method: 'GET', route: '/api/wallets/me', status: 200 },
      { service: 'wallet', method: 'GET', route: '/wallets/:userId', status: 200 },
    ])
    for (const line of lines) expect(line['durationMs']).toEqual(expect.any(Number))
  })

  it('are fed with secrets by every route', async () => {
    for (const operation of API_OPERATIONS) {
      const { method, path } = apiRoute(operation)
      const secret = (what: string) => remember(`${what} of ${operation}`, randomUUID())
      const body = {
        email: remember(`the address of ${operation}`, `${randomUUID()}@payflow.test`),
        ...Object.fromEntries(
          ['password', 'currentPassword', 'newPassword', 'token', 'refreshToken', 'note'].map(
            (field) => [field, secret(field)],
          ),
        ),
      }
      const headers = {
        authorization: `Bearer ${secret('the token')}`,
        cookie: `payflow_refresh=${secret('the cookie')}; payflow_device=${secret('the device')}`,
        'idempotency-key': randomUUID(),
        'content-type': 'application/json',
      }
      const target = path.replaceAll(/:\w+/g, () => randomUUID())
      const json = method === 'GET' ? undefined : JSON.stringify(body)
      await hostile(method, `${target}?query=${secret('the query')}`, headers, json)
      const known = { ...headers, authorization: `Bearer ${ada.accessToken}` }
      await hostile(method, target, known, json)
      await hostile(method, target, known, json?.slice(0, -1))
    }
    expect(secrets.size).toBeGreaterThan(10 * API_OPERATIONS.length)
  }, 120_000)

  it('are fed with a session from its beginning to its end', async () => {
    const [email, password] = [`${randomUUID()}@payflow.test`, `pass ${randomUUID()}`]
    remember('the address of a user', email)
    remember('the password of a user', password)
    const post = async (path: string, body: object, cookie = '') => {
      const answer = await fetch(`${stack.url}${path}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...(cookie !== '' && { cookie }) },
        body: JSON.stringify(body),
      })
      for (const given of answer.headers.getSetCookie()) {
        const [name = '', value = ''] = given.split(';')[0]?.split('=') ?? []
        if (value.length > 10) remember(`the cookie ${name} of ${path}`, value)
      }
      const { accessToken } = (await answer.json().catch(() => ({}))) as { accessToken?: string }
      if (accessToken !== undefined) remember(`the access token of ${path}`, accessToken)
      return answer.headers
        .getSetCookie()
        .map((given) => given.split(';')[0])
        .join('; ')
    }
    const cookie = await post('/api/auth/register', { email, password, name: 'Someone' })
    await post('/api/auth/login', { email, password: remember('a wrong one', randomUUID()) })
    const next = await post('/api/auth/refresh', {}, cookie)
    await post('/api/auth/forgot-password', { email })
    const token = remember('the token of a mail', await mailedToken(email))
    await post('/api/auth/reset-password', { token, password: remember('a new one', randomUUID()) })
    expect([...secrets.keys()]).toContain('the access token of /api/auth/refresh')
    await post('/api/auth/logout', {}, next)
  })
})

describe('probes', () => {
  const all: readonly PayflowProcess[] = PROCESSES
  const withDatabase = all.filter((name) => name !== 'gateway')

  it('without Redis: everybody is ready, and the gateway says what it misses', async () => {
    await stack.killServer('redis')
    await waitFor(
      async () => (await probe('gateway', 'ready')).checks?.['redis']?.status === 'down',
    )
    expect(await statuses('ready')).toEqual(each(all, 200))
  })

  it('without RabbitMQ: the worker alone is not ready', async () => {
    await stack.killServer('rabbitmq')
    await waitFor(async () => (await probe('worker', 'ready')).status === 503, PATIENT)
    expect(await statuses('ready')).toEqual({ ...each(all, 200), worker: 503 })
  })

  it('without PostgreSQL: who needs it is not ready, and nobody is dead or not started', async () => {
    await stack.killServer('postgres')
    await waitFor(async () => (await probe('wallet', 'ready')).status === 503, PATIENT)
    expect(await statuses('ready')).toEqual({ ...each(all, 200), ...each(withDatabase, 503) })
    expect(await statuses('live')).toEqual(each(all, 200))
    expect(await statuses('startup')).toEqual(each(all, 200))
  })
})

describe('of all that was written', () => {
  it('no line has a secret', async () => {
    // Requests without the servers, whose errors quote what they could not reach.
    await Promise.all(API_OPERATIONS.map((name) => hostile('GET', apiRoute(name).path)))
    const file = JSON.parse(readFileSync(join(stack.dir, 'secrets.json'), 'utf8')) as object
    for (const [what, secret] of secretsIn(file)) remember(what, secret)
    remember('the access token of Ada', ada.accessToken)
    remember('the address of Ada', ada.email)
    remember('the password of Ada', PASSWORD)
    for (const name of [...PROCESSES, 'mail'] as const) {
      const log = readFileSync(stack.log(name), 'utf8')
      expect(log.length).toBeGreaterThan(100)
      const leaked = [...secrets].filter(([, secret]) => log.includes(secret)).map(([what]) => what)
      expect(leaked, name).toEqual([])
      // No token of any kind, nobody's address, no password in a URL.
      expect(log).not.toMatch(/eyJ[\w-]+\.[\w-]+/)
      expect(log).not.toMatch(/[\w-]+@payflow\.test/)
      expect(log).not.toMatch(/\w:\/\/[^\s/:@"]*:[^\s/@"]+@/)
    }
  })
})

/** The token of the link that somebody was sent. */
async function mailedToken(email: string): Promise<string> {
  const folder = join(stack.dir, 'mail')
  return await waitFor(
    () =>
      readdirSync(folder)
        .map((file) => readFileSync(join(folder, file), 'utf8'))
        .filter((mail) => mail.includes(email))
        // Lines are broken, and equal signs written so, in quoted-printable.
        .map((mail) => mail.replaceAll(/=\r?\n/g, '').replaceAll('=3D', '='))
        .map((mail) => /#token=([\w.-]{20,})/.exec(mail)?.[1])
        .find((token) => token !== undefined),
    { ...PATIENT, message: 'the mail with the link' },
  )
}

function remember(what: string, secret: string): string {
  secrets.set(what, secret)
  return secret
}

function secretsIn(value: object, path = 'secrets.json'): [string, string][] {
  return Object.entries(value).flatMap(([name, part]): [string, string][] =>
    typeof part === 'string' ? [[`${path}: ${name}`, part]] : secretsIn(part as object, name),
  )
}

/** A request of which only the traces it leaves are of interest. */
async function hostile(
  method: string,
  path: string,
  headers: Record<string, string> = {},
  body?: string,
): Promise<void> {
  const signal = AbortSignal.timeout(30_000)
  const init = { method, headers, signal, ...(body !== undefined && { body }) }
  await fetch(stack.url + path, init).then(
    // A stream of events has no end of its own.
    (answer) => answer.body?.cancel(),
    () => undefined,
  )
}

function linesOf(name: PayflowProcess): Record<string, unknown>[] {
  return readFileSync(stack.log(name), 'utf8')
    .split('\n')
    .filter((text) => text.startsWith('{') && text.endsWith('}'))
    .map((text) => JSON.parse(text) as Record<string, unknown>)
}

type Pages = (readonly [PayflowProcess, readonly Family[]])[]

async function scrapeAll(): Promise<Pages> {
  return await Promise.all(
    PROCESSES.map(async (name) => {
      const answer = await fetch(`${stack.serviceUrl(name)}/metrics`)
      expect(answer.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/)
      return [name, readExposition(await answer.text())] as const
    }),
  )
}

function seriesOf(pages: Pages): Set<string> {
  return new Set(
    pages.flatMap(([name, families]) =>
      families.flatMap(({ samples }) =>
        samples.map((sample) => `${name} ${sample.name} ${JSON.stringify(sample.labels)}`),
      ),
    ),
  )
}

/** Values by name and labels, without the label that says which process it is. */
function valuesOf(pages: Pages): Map<string, number> {
  const samples = pages.flatMap(([, families]) => families.flatMap((family) => family.samples))
  return new Map(
    samples.map(({ name, labels, value }) => {
      const pairs = Object.entries(labels)
        .filter(([key]) => key !== 'service')
        .map(([key, given]) => `${key}=${given}`)
      return [`${name}{${pairs.toSorted().join(',')}}`, value]
    }),
  )
}

/** The metrics of our own, as docs/metrics.md lists them. */
function tableOf(pages: Pages): string {
  const rows = new Map<string, { family: Family; from: string[] }>()
  for (const [process, families] of pages) {
    for (const family of families) {
      if (/^(nodejs|process)_/.test(family.name)) continue
      const row = rows.get(family.name) ?? { family, from: [] }
      row.from.push(process)
      rows.set(family.name, row)
    }
  }
  const lines = [...rows.values()]
    .toSorted((one, other) => one.family.name.localeCompare(other.family.name))
    .map(({ family: { name, type, help }, from }) => {
      const where = from.length === PROCESSES.length ? 'all' : from.join(', ')
      return `| \`${name}\` | ${type} | ${where} | ${help} |`
    })
  return ['| metric | type | of | what it says |', '| --- | --- | --- | --- |', ...lines].join('\n')
}

interface Probed {
  readonly status: number
  readonly checks?: Readonly<Record<string, { readonly status: string }>>
}

async function probe(name: PayflowProcess, kind: 'live' | 'ready' | 'startup'): Promise<Probed> {
  const answer = await fetch(`${stack.serviceUrl(name)}/health/${kind}`)
  const { checks } = (await answer.json()) as Partial<Probed>
  return { status: answer.status, ...(checks && { checks }) }
}

async function statuses(kind: 'live' | 'ready' | 'startup'): Promise<Record<string, number>> {
  const answers = PROCESSES.map(async (name) => [name, (await probe(name, kind)).status])
  return Object.fromEntries(await Promise.all(answers)) as Record<string, number>
}

const each = (names: readonly PayflowProcess[], status: number): Record<string, number> =>
  Object.fromEntries(names.map((name) => [name, status]))
