import { StackError } from './stack-error.ts'

export interface DemoUser {
  readonly email: string
  readonly name: string
  readonly password: string
}

/** Two people to try the wallet with. Their passwords are printed, and hold nothing but play money. */
export const DEMO_USERS: readonly [DemoUser, DemoUser] = [
  { email: 'ada@payflow.test', name: 'Ada Lovelace', password: 'ada-counts-the-money' },
  { email: 'grace@payflow.test', name: 'Grace Hopper', password: 'grace-finds-the-bugs' },
]

/** Registers the demo users, unless they are there from an earlier start. */
export async function ensureDemoUsers(gatewayUrl: string): Promise<void> {
  await Promise.all(DEMO_USERS.map((user) => ensureUser(gatewayUrl, user)))
}

async function ensureUser(gatewayUrl: string, user: DemoUser): Promise<void> {
  const response = await fetch(`${gatewayUrl}/api/auth/register`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(user),
    signal: AbortSignal.timeout(20_000),
  })
  const text = await response.text()
  // 409: the e-mail address is registered.
  if (response.status === 201 || response.status === 409) return
  throw new StackError(
    'STACK_DEMO_USERS',
    `the demo user ${user.email} could not be registered: ${response.status} ${text}`,
  )
}
