import { createHash, createHmac, randomBytes } from 'node:crypto'

/** A secret that somebody is given, and what the database keeps of it. */
export interface SecretToken {
  readonly token: string
  readonly hash: Buffer
}

/** Makes a token of 256 random bits: for a session, a browser, or a link in a mail. */
export function newToken(): SecretToken {
  return withHash(randomBytes(32).toString('base64url'))
}

/** A plain hash will do: nobody can try all 256-bit tokens. */
export function hashToken(token: string): Buffer {
  return createHash('sha256').update(token).digest()
}

/** Makes the salt of a successor. */
export function newSalt(): Buffer {
  return randomBytes(32)
}

/**
 * The successor of a refresh token: always the same for one token and salt, so an answer that was
 * lost can be given again although nobody kept it. The database has the salt and not the token, the
 * browser has the token and not the salt: it takes both.
 */
export function successorOf(token: string, salt: Buffer): SecretToken {
  return withHash(createHmac('sha256', token).update(salt).digest('base64url'))
}

function withHash(token: string): SecretToken {
  return { token, hash: hashToken(token) }
}
