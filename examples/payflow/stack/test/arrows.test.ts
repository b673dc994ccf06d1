/*
 * Goal: the arrows of `@payflow-app/contracts/arrows`, which the documents draw and the network
 * policies allow, are the connections that the processes can open.
 * Method: a process is told by its environment whom it may reach, and by nothing else. Every address
 * it is given is an arrow, and every arrow to something of ours is an address it is given. After a
 * change, `pnpm exec vitest run examples/payflow/stack/test/arrows.test.ts -u` writes the table of the
 * documents; the picture is drawn by hand, and each of its lines says which arrow it is.
 */
import { readFileSync } from 'node:fs'
import { ARROWS, PROCESS_PORTS, SERVER_PORTS } from '@payflow-app/contracts/arrows'
import {
  INTERNAL_ROUTES,
  SERVICE_CALLS,
  SERVICE_KEY_NAMES,
  serviceKeyName,
} from '@payflow-app/contracts/internal'
import { describe, expect, test } from 'vitest'
import { DOCUMENTED_PORTS, planServices, SERVICE_NAMES } from '../src/plan.ts'
import type { Secrets } from '../src/secrets.ts'

const addresses = {
  postgresUrl: `postgres://postgres@127.0.0.1:${SERVER_PORTS.postgres}`,
  redisUrl: `redis://127.0.0.1:${SERVER_PORTS.redis}`,
  rabbitmqUrl: `amqp://payflow@127.0.0.1:${SERVER_PORTS.rabbitmq}`,
  ports: { ...PROCESS_PORTS, mail: DOCUMENTED_PORTS.mail },
  smtpPort: SERVER_PORTS.smtp,
  mailDir: '/mail',
}
const secrets = {
  postgresPassword: 'a',
  rabbitmqPassword: 'b',
  databasePasswords: { auth: 'c', wallet: 'd', transaction: 'e', notification: 'f' },
  serviceKeys: Object.fromEntries(
    SERVICE_KEY_NAMES.map((name) => [name, 'g']),
  ) as Secrets['serviceKeys'],
  addressHashKey: 'i',
  authPrivateJwk: '{}',
  controlToken: 'h',
}

const nameOf = new Map<number, string>(
  Object.entries({ ...PROCESS_PORTS, ...SERVER_PORTS }).map(([name, port]) => [port, name]),
)

/** The job writes to the outbox and never connects: the URL names the broker of the events. */
const onlyNamed = ['reversal → rabbitmq']

/** Found by whoever deploys, not by the plan of `npm start`. */
const outside = new Set<string>(['browser', 'migrations', 'prometheus'])

const named = ({ from, to }: { readonly from: string; readonly to: string }) => `${from} → ${to}`

function target(variable: string, url: string): string | undefined {
  return variable === 'SMTP_URL' ? 'smtp' : nameOf.get(Number(new URL(url).port))
}

describe('ARROWS', () => {
  test('have an arrow for every address a process is given, and no other', () => {
    const given = planServices(addresses, secrets).flatMap(({ name, env }) =>
      Object.entries(env)
        // The page's address is for people: it is written into mails and not connected to.
        .filter(([variable]) => variable.endsWith('_URL') && variable !== 'PUBLIC_URL')
        .map(([variable, url]) => `${name} → ${target(variable, url)}`),
    )
    const drawn = ARROWS.filter(({ from, to }) => !outside.has(from) && to !== 'collector')
    expect(new Set([...drawn.map(named), ...onlyNamed])).toEqual(new Set(given))
  })

  test('name every process once, with the port that is documented', () => {
    // The mail sink stands in for the mail server, on one's own machine only.
    const { mail, ...documented } = DOCUMENTED_PORTS
    expect(PROCESS_PORTS).toEqual(documented)
    expect(Object.values(PROCESS_PORTS)).not.toContain(mail)
    expect([...Object.keys(PROCESS_PORTS), 'mail'].toSorted()).toEqual(SERVICE_NAMES.toSorted())
  })

  test('are each there once', () => {
    const drawn = ARROWS.map(named)
    expect(drawn.filter((arrow, at) => drawn.indexOf(arrow) !== at)).toEqual([])
  })

  test('say who shares a service key with whom, and each key is given to those two alone', () => {
    const told = ARROWS.filter(({ proof }) => proof.includes('a service token'))
    expect(told.map(named).toSorted()).toEqual(
      SERVICE_CALLS.map(({ caller, audience }) => `${caller} → ${audience}`).toSorted(),
    )
    const plans = planServices(addresses, secrets)
    for (const call of SERVICE_CALLS) {
      const name = serviceKeyName(call)
      const arrow = told.find(({ from, to }) => from === call.caller && to === call.audience)
      expect(arrow?.proof).toContain(`\`${name}\``)
      const holders = plans.filter(({ env }) => name in env).map((plan) => plan.name)
      expect(holders.toSorted()).toEqual([call.caller, call.audience].toSorted())
    }
  })

  test('let nobody but the browser come from outside, and only to the gateway', () => {
    expect(ARROWS.filter(({ from }) => from === 'browser').map(({ to }) => to)).toEqual(['gateway'])
    expect(ARROWS.filter(({ to }) => to === 'gateway').map(({ from }) => from)).toEqual([
      'browser',
      'prometheus',
    ])
  })
})

describe('the documents', () => {
  const picture = new URL('../../../../docs/images/who-talks-to-whom.svg', import.meta.url)

  test('has these arrows in its table', async () => {
    await expectTable('architecture.md', 'arrows', table())
  })

  test('has a table of the routes for processes in docs/security.md', async () => {
    const rows = Object.values(INTERNAL_ROUTES).map(
      ({ audience, method, path, callers }) =>
        `| ${audience} | \`${method} ${path}\` | ${callers.join(', ')} |`,
    )
    const lines = ['| who answers | route | who may call |', '| --- | --- | --- |', ...rows]
    await expectTable('security.md', 'internal routes', lines.join('\n'))
  })

  test('has these arrows in its picture', () => {
    const drawn = [...readFileSync(picture, 'utf8').matchAll(/data-arrow='([^']+)'/g)]
    const arrows = ARROWS.filter(({ from, to }) => !ofEach(from, to) && from !== 'migrations')
    expect(new Set(drawn.map(([, arrow]) => arrow))).toEqual(new Set(arrows.map(named)))
    expect(drawn).toHaveLength(arrows.length)
  })
})

/** Compares a table between two marks of a document; `-u` writes it. */
async function expectTable(file: string, mark: string, rows: string): Promise<void> {
  const document = new URL(`../../../../docs/${file}`, import.meta.url)
  const text = readFileSync(document, 'utf8')
  const [begin, end] = [`<!-- generated: ${mark} -->\n`, `<!-- end: ${mark} -->`]
  const [from, to] = [text.indexOf(begin) + begin.length, text.indexOf(end)]
  expect(from > begin.length && to >= from).toBe(true)
  const written = `${text.slice(0, from)}\n${rows}\n\n${text.slice(to)}`
  await expect(written).toMatchFileSnapshot(document.pathname)
}

/** Arrows that every process has, and that are one line of the table. */
function ofEach(from: string, to: string): boolean {
  return from === 'prometheus' || to === 'collector'
}

function table(): string {
  const rows = ARROWS.map(({ from, to, what, proof, when }) => [
    to === 'collector' ? 'each process' : from,
    from === 'prometheus' ? 'each process' : to,
    when === undefined ? what : `${what}, when ${when}`,
    proof,
  ]).map((cells) => `| ${cells.join(' | ')} |`)
  const head = '| from | to | what for | known by |\n| --- | --- | --- | --- |'
  return [head, ...new Set(rows)].join('\n')
}
