import { createHash, randomBytes } from 'node:crypto'

/** A refresh token: what the browser keeps, and what the database keeps of it. */
export interface RefreshToken {
  readonly token: string
  readonly hash: Buffer
}

/** Makes a refresh token of 256 random bits. */
export function newRefreshToken(): RefreshToken {
  const token = randomBytes(32).toString('base64url')
  return { token, hash: hashRefreshToken(token) }
}

/** A plain hash will do: nobody can try all 256-bit tokens. */
export function hashRefreshToken(token: string): Buffer {
  return createHash('sha256').update(token).digest()
}
