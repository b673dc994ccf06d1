import { generateKeyPairSync, randomBytes, randomUUID } from 'node:crypto'
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** What the processes of one installation share, and nobody else knows. */
export interface Secrets {
  readonly postgresPassword: string
  readonly rabbitmqPassword: string
  readonly databasePasswords: Readonly<
    Record<'auth' | 'wallet' | 'transaction' | 'notification', string>
  >
  readonly serviceTokenSecret: string
  /** The Ed25519 key that signs access tokens, as a JWK in JSON. */
  readonly authPrivateJwk: string
  /** Whoever knows it may steer the supervisor. */
  readonly controlToken: string
}

/** Reads the secrets of a folder, or makes them once. The file is readable by its owner only. */
export function loadSecrets(dir: string): Secrets {
  const file = join(dir, 'secrets.json')
  if (existsSync(file)) return JSON.parse(readFileSync(file, 'utf8')) as Secrets
  const secrets = makeSecrets()
  // Renamed into place, so that a start that dies here leaves no half a file behind.
  writeFileSync(`${file}.new`, `${JSON.stringify(secrets, undefined, 2)}\n`, { mode: 0o600 })
  renameSync(`${file}.new`, file)
  return secrets
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
    serviceTokenSecret: random(),
    authPrivateJwk: JSON.stringify({ ...privateKey.export({ format: 'jwk' }), kid: randomUUID() }),
    controlToken: random(),
  }
}

function random(): string {
  return randomBytes(32).toString('base64url')
}
