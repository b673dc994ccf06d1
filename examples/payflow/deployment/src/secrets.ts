import { generateKeyPairSync, randomBytes, randomUUID } from 'node:crypto'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { SERVICE_KEY_NAMES, serviceKeyFile } from '@payflow-app/contracts/internal'
import { stringify } from 'yaml'

/** The services that have a database of their own, and a role that reaches no other. */
const DATABASES = ['auth', 'wallet', 'transaction', 'notification'] as const

/** What the servers are called in the Compose file and in the manifests. */
const HOSTS = { postgres: 'postgres:5432', redis: 'redis:6379', rabbitmq: 'rabbitmq:5672' } as const

/** Not ours to make: who has a mail server puts its URL there. */
const GIVEN = ['smtp-url'] as const

/** With these nothing was locked: where one is missing, a new one serves as well. */
const LOCKS_NOTHING = /^(service-key-.+|address-hash-key)$/

/** The secrets of one installation: the name of the file, and what is in it. */
export type SecretFiles = Readonly<Record<string, string>>

/** Makes all secrets anew. Nothing in them can be guessed, and none has a default anywhere. */
export function makeSecretFiles(): SecretFiles {
  const postgres = random()
  const redis = random()
  const rabbitmq = random()
  const files: Record<string, string> = {
    'postgres-password': postgres,
    'postgres-url': `postgres://postgres:${postgres}@${HOSTS.postgres}/postgres`,
    'redis.conf': `requirepass ${redis}\n`,
    'redis-url': `redis://:${redis}@${HOSTS.redis}/0`,
    'rabbitmq.conf': `default_user = payflow\ndefault_pass = ${rabbitmq}\n`,
    'rabbitmq-password': rabbitmq,
    'rabbitmq-url': `amqp://payflow:${rabbitmq}@${HOSTS.rabbitmq}/`,
    'address-hash-key': random(),
    'auth-private-jwk': signingKey(),
    // None beside it, until the key is rotated: docs/rotating-keys.md.
    'auth-public-jwks': '{"keys":[]}',
  }
  for (const name of SERVICE_KEY_NAMES) files[serviceKeyFile(name)] = random()
  for (const name of DATABASES) {
    const password = random()
    files[`database-password-${name}`] = password
    files[`database-url-${name}`] =
      `postgres://payflow_${name}:${password}@${HOSTS.postgres}/payflow_${name}`
  }
  return files
}

/**
 * Reads the secrets of a folder, or makes them once; keys that lock no data also where they are
 * missing, as in a folder of an earlier version. The folder is its owner's alone; the files in
 * it can be read by all, because Compose mounts them as they are and the processes in the
 * containers are another user than the one who ran this.
 *
 * @throws when some of them are missing: new ones would not open what the others have locked.
 */
export function loadSecretFiles(folder: string): { files: SecretFiles; made: boolean } {
  const fresh = makeSecretFiles()
  const names = Object.keys(fresh)
  const found = existsSync(folder) ? readdirSync(folder) : []
  const write = (name: string): void => {
    writeFileSync(join(folder, name), fresh[name] ?? '', { mode: 0o444 })
    letAllRead(join(folder, name))
  }
  const absent = names.filter((name) => !found.includes(name))
  if (absent.length === names.length) {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    chmodSync(folder, 0o700)
    names.forEach(write)
    return { files: fresh, made: true }
  }
  const missing = absent.filter((name) => !LOCKS_NOTHING.test(name))
  if (missing.length > 0) {
    throw new Error(
      `${folder} has no ${missing.join(', ')}. The data open with nothing else: put the files ` +
        'back if there is a copy, or remove the folder together with the data',
    )
  }
  absent.forEach(write)
  for (const name of names) letAllRead(join(folder, name))
  const read = (name: string) => [name, readFileSync(join(folder, name), 'utf8')]
  const given = GIVEN.filter((name) => found.includes(name))
  const files = Object.fromEntries([...names, ...given].map(read)) as SecretFiles
  return { files, made: false }
}

/** The mask of who made a file (077, often) takes away from the mode that was asked for. */
function letAllRead(path: string): void {
  if ((statSync(path).mode & 0o444) !== 0o444) chmodSync(path, 0o444)
}

/** A Secret of Kubernetes, as the manifests refer to it. */
export interface KubernetesSecret {
  readonly apiVersion: 'v1'
  readonly kind: 'Secret'
  readonly metadata: { readonly name: string; readonly namespace: string }
  readonly type: 'Opaque' | 'kubernetes.io/basic-auth'
  readonly stringData: SecretFiles
}

/** The same secrets as the objects that the manifests refer to and don't contain. */
export function kubernetesSecrets(files: SecretFiles, namespace = 'payflow'): KubernetesSecret[] {
  const file = (name: string): string => {
    const text = files[name]
    if (text === undefined) throw new Error(`there is no secret ${name}`)
    return text
  }
  const secret = (
    name: string,
    stringData: SecretFiles,
    type: KubernetesSecret['type'] = 'Opaque',
  ): KubernetesSecret => ({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name, namespace },
    type,
    stringData,
  })
  const [host = '', port = ''] = HOSTS.rabbitmq.split(':')
  const whole = `@${host}.${namespace}.svc.cluster.local:${port}/`
  return [
    // CloudNativePG takes the superuser's password from a Secret of this type.
    secret(
      'postgres',
      { username: 'postgres', password: file('postgres-password'), url: file('postgres-url') },
      'kubernetes.io/basic-auth',
    ),
    ...DATABASES.map((name) =>
      secret(`database-${name}`, {
        password: file(`database-password-${name}`),
        url: file(`database-url-${name}`),
      }),
    ),
    secret('redis', { 'redis.conf': file('redis.conf'), url: file('redis-url') }),
    // The keys that the RabbitMQ Cluster Operator looks for, and the URL for everybody else.
    secret('rabbitmq', {
      'default_user.conf': file('rabbitmq.conf'),
      username: 'payflow',
      password: file('rabbitmq-password'),
      host,
      port,
      provider: 'rabbitmq',
      type: 'rabbitmq',
      url: file('rabbitmq-url'),
      // KEDA dials from its own namespace, where the short name is nobody. A broker that is
      // elsewhere has a whole name already.
      'keda-url': file('rabbitmq-url').replace(`@${HOSTS.rabbitmq}/`, whole),
    }),
    // One for each pair, so that a pod can be given its own and no others.
    ...SERVICE_KEY_NAMES.map(serviceKeyFile).map((name) => secret(name, { key: file(name) })),
    secret('auth-key', { jwk: file('auth-private-jwk'), jwks: file('auth-public-jwks') }),
    secret('address-hash', { key: file('address-hash-key') }),
    ...(files['smtp-url'] === undefined ? [] : [secret('smtp', { url: file('smtp-url').trim() })]),
  ]
}

/** The Secrets as YAML for `kubectl apply --filename -`. */
export function secretsYaml(files: SecretFiles, namespace?: string): string {
  return kubernetesSecrets(files, namespace)
    .map((secret) => stringify(secret))
    .join('---\n')
}

function signingKey(): string {
  const { privateKey } = generateKeyPairSync('ed25519')
  return JSON.stringify({ ...privateKey.export({ format: 'jwk' }), kid: randomUUID() })
}

function random(): string {
  return randomBytes(32).toString('base64url')
}
