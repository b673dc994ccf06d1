import { ConfigError, loadConfig, processVariables } from '@payflow-app/service-kit'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { notificationFaults, notificationVariables } from '../src/config.ts'

const schema = z.object({ ...processVariables, ...notificationVariables })
const needed = {
  DATABASE_URL: 'postgres://x',
  RABBITMQ_URL: 'amqp://x',
  JWKS_URL: 'http://auth/jwks',
  AUTH_URL: 'http://auth:3004',
  SERVICE_KEY_NOTIFICATION_TO_AUTH: 'x'.repeat(32),
}
const mail = {
  ...needed,
  SMTP_URL: 'smtp://user:p%40ss@mail.payflow.test:587',
  MAIL_FROM: 'PayFlow <no-reply@payflow.test>',
  PUBLIC_URL: 'https://wallet.payflow.test/',
}

function faultsOf(env: Readonly<Record<string, string>>): string[] {
  try {
    return notificationFaults(loadConfig(schema, env)).map(({ name }) => name)
  } catch (error) {
    if (!ConfigError.is(error)) throw error
    return error.faults.map(({ name }) => name)
  }
}

describe('the configuration of e-mail', () => {
  it('is nothing at all, or whole', () => {
    expect(faultsOf(needed)).toEqual([])
    expect(faultsOf(mail)).toEqual([])
    expect(faultsOf({ ...needed, SMTP_URL: mail.SMTP_URL })).toEqual(['MAIL_FROM', 'PUBLIC_URL'])
  })

  it.each([
    ['SMTP_URL', 'http://mail'],
    ['SMTP_URL', 'mail:25'],
    ['SMTP_URL', 'smtp://mail?tls.rejectUnauthorized=false'],
    ['SMTP_TLS', 'never'],
    ['MAIL_FROM', 'PayFlow\r\nBcc: a@b.test <a@b.test>'],
    ['PUBLIC_URL', 'javascript:alert(1)'],
    ['PUBLIC_URL', 'http://wallet.payflow.test'],
    ['MAIL_LEASE_MS', '179999'],
    ['MAIL_CONCURRENCY', '0'],
  ])('refuses %s=%s', (name, value) => {
    expect(faultsOf({ ...mail, [name]: value })).toEqual([name])
  })
})
