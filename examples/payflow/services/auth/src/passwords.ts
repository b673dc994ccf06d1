import { hash, verify } from '@node-rs/argon2'
import type { HashGate } from './hash-gate.ts'

/** What a hash costs. */
export interface PasswordCost {
  /** @defaultValue 19456, that is 19 MiB */
  readonly memoryKib: number
  /** @defaultValue 2 */
  readonly passes: number
}

/** Hashes and checks passwords, few at a time. */
export interface Passwords {
  /**
   * Hashes a password for storage.
   *
   * @throws {@link ProblemError} `service-unavailable` (503) when too many wait.
   */
  hash(password: string): Promise<string>
  /**
   * Tells whether the password is the one whose hash `find` returns. Without a hash, because there
   * is no such user or nothing may be tried, it takes just as long and says no: the time of a login
   * must not tell who has an account.
   *
   * `find` runs when it is this attempt's turn, so an attempt that is turned away was none.
   *
   * @throws {@link ProblemError} `service-unavailable` (503) when too many wait.
   */
  check(password: string, find: () => Promise<string | undefined>): Promise<boolean>
  /** Whether a hash was made at another cost than hashes are made now. */
  isOutdated(passwordHash: string): boolean
}

/** One password has several spellings in Unicode; keyboards differ in which they type. */
const canonical = (password: string): string => password.normalize('NFKC')

/** Creates the hashing: argon2id, one lane. */
export function createPasswords(gate: HashGate, cost: PasswordCost): Passwords {
  const options = { memoryCost: cost.memoryKib, timeCost: cost.passes, parallelism: 1 } as const
  const parameters = `$m=${cost.memoryKib},t=${cost.passes},p=1$`
  let decoy: Promise<string> | undefined
  const decoyHash = (): Promise<string> => {
    if (decoy) return decoy
    const made = hash('nobody has this password', options)
    decoy = made
    // A failure is for those who wait for this one: the next attempt makes another, and where nobody
    // waits it must not end the process.
    made.catch(() => (decoy = undefined))
    return made
  }
  return {
    hash: (password) => gate.run(() => hash(canonical(password), options)),
    check: (password, find) =>
      gate.run(async () => {
        const instead = decoyHash()
        const passwordHash = await find()
        const matches = await verify(passwordHash ?? (await instead), canonical(password))
        return matches && passwordHash !== undefined
      }),
    isOutdated: (passwordHash) => !passwordHash.includes(parameters),
  }
}
