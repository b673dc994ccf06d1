import {
  httpUrlVariable,
  integerVariable,
  portVariable,
  postgresUrlVariable,
  secretVariable,
} from '@payflow-app/service-kit'
import { z } from 'zod'

/** Thirty days: whoever opens the page once a month stays logged in. */
const REFRESH_TOKEN_S = 30 * 24 * 3_600

const privateJwk = z.object({
  kty: z.literal('OKP'),
  crv: z.literal('Ed25519'),
  x: z.string(),
  d: z.string(),
  kid: z.string().min(1).optional(),
})

/** What auth-service reads from the environment. */
export const authVariables = {
  PORT: portVariable.default(3004),
  DATABASE_URL: postgresUrlVariable,
  WALLET_URL: httpUrlVariable,
  SERVICE_TOKEN_SECRET: secretVariable,
  /** The key that signs access tokens. No other process has it. */
  AUTH_PRIVATE_JWK: z.string().transform((text, context) => {
    const jwk = privateJwk.safeParse(parseJson(text))
    if (jwk.success) return jwk.data
    // What is wrong is said without quoting any of it.
    context.addIssue({ code: 'custom', message: 'must be an Ed25519 private key as a JWK' })
    return z.NEVER
  }),
  /** How long an access token holds. Short, for it cannot be taken back. */
  ACCESS_TOKEN_S: integerVariable(10, 3_600).default(900),
  REFRESH_TOKEN_S: integerVariable(60, 365 * 24 * 3_600).default(REFRESH_TOKEN_S),
  /**
   * A refresh token that comes again within this time is taken for a retry whose first answer got
   * lost, or a second tab; after it, for a theft.
   */
  REFRESH_GRACE_MS: integerVariable(0, 60_000).default(10_000),
  /** `off` only where the page is served over plain HTTP, on one's own machine. */
  COOKIE_SECURE: z.enum(['on', 'off']).default('on'),
  /** The path of the auth routes as the browser sees it, through the gateway. */
  COOKIE_PATH: z.string().startsWith('/').default('/api/auth'),
  /** How often wallets that are still owed are looked for. */
  PROVISIONING_INTERVAL_MS: integerVariable(50, 60_000).default(1_000),
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
