/*
 * Goal: no process of PayFlow has a default for a secret, in development neither.
 * Method: each real process is started with its whole environment but what contains a secret. It must
 * end before it opens anything, and name all of what is missing.
 */
import { spawnChild } from '@payflow/testkit'
import { PROCESS_PORTS, SERVER_PORTS } from '@payflow-app/contracts/arrows'
import { SERVICE_KEY_NAMES } from '@payflow-app/contracts/internal'
import { describe, expect, test } from 'vitest'
import { DOCUMENTED_PORTS, planServices, type ServicePlan } from '../src/plan.ts'
import type { Secrets } from '../src/secrets.ts'

/** Words that are found again in whatever they are put into. */
const secrets = {
  postgresPassword: 'secret-of-postgres',
  rabbitmqPassword: 'secret-of-rabbitmq',
  databasePasswords: {
    auth: 'secret-of-auth',
    wallet: 'secret-of-wallet',
    transaction: 'secret-of-transaction',
    notification: 'secret-of-notification',
  },
  serviceKeys: Object.fromEntries(
    SERVICE_KEY_NAMES.map((name) => [name, `secret-${name}`]),
  ) as Secrets['serviceKeys'],
  addressHashKey: 'secret-of-the-audit-log',
  authPrivateJwk: '{"d":"secret-of-the-signer"}',
  controlToken: 'secret-of-the-supervisor',
}

const plans = planServices(
  {
    postgresUrl: `postgres://127.0.0.1:${SERVER_PORTS.postgres}`,
    redisUrl: `redis://:secret-of-redis@127.0.0.1:${SERVER_PORTS.redis}`,
    rabbitmqUrl: `amqp://payflow:secret-of-rabbitmq@127.0.0.1:${SERVER_PORTS.rabbitmq}`,
    ports: { ...PROCESS_PORTS, mail: DOCUMENTED_PORTS.mail },
    smtpPort: SERVER_PORTS.smtp,
    mailDir: '/mail',
  },
  secrets,
)

const holdsSecret = ([, value]: readonly [string, string]) => value.includes('secret-')

async function startWithoutSecrets({ entry, env }: ServicePlan) {
  const open = Object.fromEntries(Object.entries(env).filter((pair) => !holdsSecret(pair)))
  const child = await spawnChild(new URL(`file://${entry}`), {
    env: { ...open, NODE_ENV: 'development', PORT: '0' },
  })
  const { code } = await child.exited
  const lines = child.stdout().split('\n').filter(Boolean)
  const { faults } = JSON.parse(lines.at(-1) ?? '{}') as { faults?: { name: string }[] }
  return { code, missing: faults?.map(({ name }) => name).toSorted() }
}

describe('without its secrets', () => {
  // The mail sink has none: it keeps mails on one's own machine, and asks nobody for anything.
  const withSecrets = plans.filter(({ name }) => name !== 'mail')
  test.each(withSecrets.map((plan) => [plan.name, plan] as const))(
    '%s does not start, and names what is missing',
    async (_, plan) => {
      const needed = Object.entries(plan.env)
        .filter(holdsSecret)
        .map(([name]) => name)
      expect(needed.length).toBeGreaterThan(0)
      expect(await startWithoutSecrets(plan)).toEqual({ code: 78, missing: needed.toSorted() })
    },
  )
})
