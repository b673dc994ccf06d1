/*
 * Goal: docker-compose.yml is what the current Compose specification allows, and keeps our rules.
 * Method: the linter that carries the specification's schema; then each rule on the file as it is,
 * and on the file with one thing broken, which the rule must notice.
 */
import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { DCLinter } from 'dclint'
import { describe, expect, test } from 'vitest'
import { parse, stringify } from 'yaml'
import { readComposeFile, type ComposeFile } from '../src/compose/compose-file.ts'
import { composePolicies } from '../src/compose/policies.ts'
import { loadSecretFiles } from '../src/index.ts'

const path = resolve(import.meta.dirname, '../../../../docker-compose.yml')
const text = readFileSync(path, 'utf8')
const environment = { PAYFLOW_SECRETS: '/secrets' }
const folder = mkdtempSync(join(tmpdir(), 'payflow-compose-'))

/** Order is for readers: services stand in the order in which a payment meets them. */
const left = {
  'service-dependencies-alphabetical-order': 0,
  'service-keys-order': 0,
  'services-alphabetical-order': 0,
  'top-level-properties-order': 0,
  'service-ports-alphabetical-order': 0,
  'require-quotes-in-ports': 0,
  // With `build`, `image` is what the result is called.
  'no-build-and-image': 0,
  // The project is named in .env, because docker-compose 1.29 does not know the property.
  'require-project-name-field': 0,
} as const

function lint(yaml: string): string[] {
  const copy = join(folder, 'docker-compose.yml')
  writeFileSync(copy, yaml)
  const linter = new DCLinter({ rules: { ...left }, quiet: true, debug: false, exclude: [] })
  // Its types name their files without endings, which TypeScript does not follow here.
  const results = linter.lintFiles([copy], false) as Linted[]
  return results.flatMap((result) =>
    result.messages.map(({ rule, message }) => `${rule}: ${message}`),
  )
}

interface Linted {
  readonly messages: readonly { readonly rule: string; readonly message: string }[]
}

describe('the schema of the Compose specification', () => {
  test('knows everything that is in the file', () => {
    expect(lint(text)).toEqual([])
  })

  test.each([
    ['depend_on', (file: any) => (file.services.worker.depend_on = ['wallet'])],
    ['a number for a command', (file: any) => (file.services.worker.command = 5)],
    ['latest', (file: any) => (file.services.redis.image = 'redis:latest')],
  ])('refuses %s', (_, breakIt) => {
    const file: unknown = parse(text, { merge: true })
    breakIt(file)
    expect(lint(stringify(file))).not.toEqual([])
  })
})

test('refuses to start without secrets, and says how to make them', () => {
  expect(() => readComposeFile(text, {})).toThrow('make them first, with npm run secrets')
})

test('names exactly the secrets that are made', () => {
  const { files } = loadSecretFiles(join(folder, 'made'))
  const { secrets } = readComposeFile(text, environment)
  const mounted = ['rabbitmq.conf']
  // For the Cluster Operator of RabbitMQ, which wants it apart.
  const elsewhere = ['rabbitmq-password']
  expect([...Object.keys(secrets), ...mounted, ...elsewhere].toSorted()).toEqual(
    Object.keys(files).toSorted(),
  )
})

test('whoever runs in a container can read the files, whatever the mask of who made them', () => {
  const dir = join(folder, 'masked')
  const load = () => {
    const script = `import('${pathToFileURL(resolve(import.meta.dirname, '../src/index.ts')).href}')
      .then(({ loadSecretFiles }) => loadSecretFiles(process.argv[1]))`
    execFileSync('sh', [
      '-c',
      'umask 077; exec "$@"',
      'sh',
      process.execPath,
      '--conditions=@payflow/source',
      '--eval',
      script,
      dir,
    ])
  }
  const modes = () =>
    new Set(readdirSync(dir).map((name) => statSync(join(dir, name)).mode & 0o777))
  load()
  expect(modes()).toEqual(new Set([0o444]))
  // As an earlier version has left them.
  for (const name of readdirSync(dir)) chmodSync(join(dir, name), 0o400)
  load()
  expect(modes()).toEqual(new Set([0o444]))
  // Others of this machine stop at the folder.
  expect(statSync(dir).mode & 0o777).toBe(0o700)
})

test('a key that locks nothing is made where it is missing, and a password is not', () => {
  const dir = join(folder, 'older')
  const { files } = loadSecretFiles(dir)
  const lost = ['service-key-worker-to-wallet', 'address-hash-key']
  for (const name of lost) rmSync(join(dir, name))
  const again = loadSecretFiles(dir)
  const changed = Object.keys(files).filter((name) => again.files[name] !== files[name])
  expect([again.made, changed.toSorted()]).toEqual([false, lost.toSorted()])
  expect(loadSecretFiles(dir)).toEqual(again)
  rmSync(join(dir, 'database-password-wallet'))
  expect(() => loadSecretFiles(dir)).toThrow('has no database-password-wallet.')
})

describe('rules', () => {
  test.each(Object.entries(composePolicies))('%s', (_, policy) => {
    expect(policy(readComposeFile(text, environment), text)).toEqual([])
  })
})

type Mutation = readonly [rule: string, what: string, breakIt: (file: any) => void]

const mutations: readonly Mutation[] = [
  [
    'pins every image by version',
    'latest',
    ({ services }) => (services.redis.image = 'redis:latest'),
  ],
  ['pins every image by version', 'no tag', ({ services }) => (services.redis.image = 'redis')],
  [
    'asks no registry for what is built here, and builds what is ours',
    'Docker Hub first',
    ({ services }) => delete services.wallet.pull_policy,
  ],
  [
    'asks no registry for what is built here, and builds what is ours',
    'an image of ours that nobody builds',
    ({ services }) => delete services.reversal.build,
  ],
  [
    'opens ports on loopback only, and only those for people',
    'to everybody',
    ({ services }) => (services.gateway.ports = ['3000:3000']),
  ],
  [
    'opens ports on loopback only, and only those for people',
    'of the database',
    ({ services }) => (services.postgres.ports = ['127.0.0.1:5432:5432']),
  ],
  [
    'lets only what is for people out of the inner network',
    'a wallet at the edge',
    ({ services }) => services.wallet.networks.push('edge'),
  ],
  [
    'lets only what is for people out of the inner network',
    'an inner network that leads out',
    ({ networks }) => (networks.inside.internal = false),
  ],
  [
    'runs our processes without privileges, on a file system they cannot write',
    'a file system to write on',
    ({ services }) => (services.worker.read_only = false),
  ],
  [
    'runs our processes without privileges, on a file system they cannot write',
    'capabilities',
    ({ services }) => (services.worker.cap_drop = []),
  ],
  [
    'runs our processes without privileges, on a file system they cannot write',
    'root',
    ({ services }) => (services.worker.user = '0:0'),
  ],
  [
    'gives each process what it reads, and nothing else',
    'a misspelt variable',
    ({ services }) => (services.worker.environment.WORKER_CONCURENCY = '4'),
  ],
  [
    'gives each process what it reads, and nothing else',
    'a missing variable',
    ({ services }) => delete services.worker.environment.WALLET_URL,
  ],
  [
    'gives each process what it reads, and nothing else',
    'no rate limits in production',
    ({ services }) => (services.gateway.environment.PAYFLOW_RATE_LIMITS = 'off'),
  ],
  [
    'gives each process what it reads, and nothing else',
    'a secret that is given twice',
    ({ services }) => (services.auth.environment.DATABASE_URL = 'postgres://postgres/x'),
  ],
  [
    'has each process listen where it is documented',
    'another port',
    ({ services }) => (services.wallet.environment.PORT = '3002'),
  ],
  [
    'hands out each secret to whoever names it, and writes none down',
    'a secret nobody was given',
    ({ services }) => services.auth.secrets.pop(),
  ],
  [
    'hands out each secret to whoever names it, and writes none down',
    'a secret too many',
    ({ services }) => services.gateway.secrets.push('postgres-url'),
  ],
  [
    'asks each service for its health, and waits for it',
    'no check',
    ({ services }) => (services.wallet.healthcheck = { disable: true }),
  ],
  [
    'asks each service for its health, and waits for it',
    'a start without waiting',
    ({ services }) => (services.worker.depends_on.wallet.condition = 'service_started'),
  ],
  [
    'gives every process longer to stop than it takes',
    'too little time',
    ({ services }) => (services.wallet.stop_grace_period = '15s'),
  ],
  [
    'starts monitoring only for whoever asks for it, and nothing waits for it',
    'always',
    ({ services }) => delete services.loki.profiles,
  ],
  [
    'starts monitoring only for whoever asks for it, and nothing waits for it',
    'a gateway that waits for Grafana',
    ({ services }) => (services.gateway.depends_on.grafana = { condition: 'service_healthy' }),
  ],
  [
    'starts monitoring only for whoever asks for it, and nothing waits for it',
    'a reader of logs that could start containers',
    ({ services }) => services.alloy.volumes.push('/var/run/docker.sock:/var/run/docker.sock:ro'),
  ],
  [
    'opens ports on loopback only, and only those for people',
    'of Loki, which asks nobody who they are',
    ({ services }) => (services.loki.ports = ['127.0.0.1:3100:3100']),
  ],
  [
    'lets whoever looks at Grafana ask the logs, and administer nothing',
    'no Explore',
    ({ services }) => (services.grafana.environment.GF_AUTH_ANONYMOUS_ORG_ROLE = 'Viewer'),
  ],
  [
    'lets whoever looks at Grafana ask the logs, and administer nothing',
    'everything',
    ({ services }) => (services.grafana.environment.GF_AUTH_ANONYMOUS_ORG_ROLE = 'Admin'),
  ],
  [
    'keeps what the servers have written',
    'a database in the container',
    ({ services }) => (services.postgres.volumes = []),
  ],
  [
    'keeps what the servers have written',
    'a Redis that forgets claims',
    ({ services }) => (services.redis.command = ['redis-server']),
  ],
]

describe('a rule notices', () => {
  test.each(mutations)('that "%s" is broken: %s', (rule, _, breakIt) => {
    const file = structuredClone(readComposeFile(text, environment)) as ComposeFile
    breakIt(file)
    expect(composePolicies[rule]?.(file, text)).not.toEqual([])
  })

  test('a secret that is written down', () => {
    const policy =
      composePolicies['hands out each secret to whoever names it, and writes none down']
    for (const name of ['POSTGRES_PASSWORD', 'SERVICE_KEY_WORKER_TO_WALLET', 'ADDRESS_HASH_KEY']) {
      const written = `${text}\n    ${name}: correct-horse-battery\n`
      expect(policy?.(readComposeFile(text, environment), written)).toHaveLength(1)
    }
  })

  test('every rule is broken at least once', () => {
    expect(new Set(mutations.map(([rule]) => rule))).toEqual(new Set(Object.keys(composePolicies)))
  })
})
