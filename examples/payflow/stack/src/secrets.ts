import { generateKeyPairSync, randomBytes, randomUUID } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { SERVICE_KEY_NAMES, type ServiceKeyName } from '@payflow-app/contracts/internal'
import { StackError } from './stack-error.ts'
import { writeWhole } from './write-whole.ts'

/** What the processes of one installation share, and nobody else knows. */
export interface Secrets {
  readonly postgresPassword: string
  readonly rabbitmqPassword: string
  readonly databasePasswords: Readonly<
    Record<'auth' | 'wallet' | 'transaction' | 'notification', string>
  >
  /** By the name of the variable: each is known to the two who call and are called with it. */
  readonly serviceKeys: Readonly<Record<ServiceKeyName, string>>
  readonly addressHashKey: string
  /** The Ed25519 key that signs access tokens, as a JWK in JSON. */
  readonly authPrivateJwk: string
  /** Whoever knows it may steer the supervisor. */
  readonly controlToken: string
}

/**
 * Reads the secrets of a folder, or makes them once. The file is readable by its owner only. Keys
 * that lock no data are made where they are missing, as in a folder of an earlier version.
 *
 * @throws {@link StackError} `STACK_SECRETS_DAMAGED` when the file is not what was written: the
 * data can only be opened with it, so new secrets would not help.
 */
export function loadSecrets(dir: string): Secrets {
  const file = join(dir, 'secrets.json')
  const fresh = makeSecrets()
  if (!existsSync(file)) return writeSecrets(file, fresh)
  const { found, secrets } = readSecrets(file, fresh)
  return hasShape(found, fresh) ? secrets : writeSecrets(file, secrets)
}

function writeSecrets(file: string, secrets: Secrets): Secrets {
  writeWhole(file, `${JSON.stringify(secrets, undefined, 2)}\n`, { durable: true })
  return secrets
}

function readSecrets(file: string, fresh: Secrets): { found: unknown; secrets: Secrets } {
  let cause: unknown
  try {
    const found = JSON.parse(readFileSync(file, 'utf8')) as Partial<Secrets>
    const { serviceKeys, addressHashKey } = fresh
    const secrets = {
      addressHashKey,
      ...found,
      serviceKeys: { ...serviceKeys, ...found.serviceKeys },
    } as Secrets
    if (hasShape(secrets, fresh)) return { found, secrets }
  } catch (error) {
    cause = error
  }
  throw new StackError(
    'STACK_SECRETS_DAMAGED',
    `${file} is damaged, and the data beside it open with nothing else.\n` +
      'Put the file back if there is a copy, or forget the data with it: npm run reset',
    { cause },
  )
}

/** True when everything that `shape` has is there, a text being a text with something in it. */
function hasShape(value: unknown, shape: unknown): boolean {
  if (typeof shape === 'string') return typeof value === 'string' && value !== ''
  if (typeof value !== 'object' || value === null) return false
  return Object.entries(shape as object).every(([name, part]) =>
    hasShape((value as Record<string, unknown>)[name], part),
  )
}

function makeSecrets(): Secrets {
  const { privateKey } = generateKeyPairSync('ed25519')
  return {
    postgresPassword: random(),
    rabbitmqPassword: random(),
    databasePasswords: {
      auth: random(),
      wallet: random(),
      transaction: random(),
      notification: random(),
    },
    serviceKeys: Object.fromEntries(
      SERVICE_KEY_NAMES.map((name) => [name, random()]),
    ) as Secrets['serviceKeys'],
    addressHashKey: random(),
    authPrivateJwk: JSON.stringify({ ...privateKey.export({ format: 'jwk' }), kid: randomUUID() }),
    controlToken: random(),
  }
}

function random(): string {
  return randomBytes(32).toString('base64url')
}
