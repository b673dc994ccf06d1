import { hash, verify } from '@node-rs/argon2'

/**
 * argon2id with 19 MiB, two passes, one lane. Source: OWASP Password Storage Cheat Sheet. More
 * memory would let fewer logins exhaust the machine than it would cost an attacker.
 */
const cost = { memoryCost: 19_456, timeCost: 2, parallelism: 1 } as const

/** One password has several spellings in Unicode; keyboards differ in which they type. */
const canonical = (password: string): string => password.normalize('NFKC')

/** Hashes a password for storage. */
export async function hashPassword(password: string): Promise<string> {
  return await hash(canonical(password), cost)
}

let decoy: Promise<string> | undefined

/**
 * Tells whether the password is the one that was hashed. Without a hash, because there is no such
 * user, it takes just as long and says no: the time of a login must not tell who has an account.
 */
export async function checkPassword(
  passwordHash: string | undefined,
  password: string,
): Promise<boolean> {
  decoy ??= hashPassword('nobody has this password')
  const matches = await verify(passwordHash ?? (await decoy), canonical(password))
  return matches && passwordHash !== undefined
}
