import { randomBytes } from 'node:crypto'
import { exportJWK, generateKeyPair } from 'jose'
import { USER_TOKEN_ALGORITHM } from '../../src/index.ts'

/** The secrets of one system, as environment variables. */
export interface Secrets {
  readonly AUTH_PRIVATE_JWK: string
  readonly SERVICE_TOKEN_SECRET: string
}

/** Draws the secrets of one system. */
export async function newSecrets(): Promise<Secrets> {
  const { privateKey } = await generateKeyPair(USER_TOKEN_ALGORITHM, { extractable: true })
  return {
    AUTH_PRIVATE_JWK: JSON.stringify(await exportJWK(privateKey)),
    SERVICE_TOKEN_SECRET: randomBytes(32).toString('base64url'),
  }
}
