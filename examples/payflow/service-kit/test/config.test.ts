/*
 * Goal: whoever configures a process sees all faults at once, and no secret in any of them.
 * Method: faulty environments and files in a temporary folder.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import {
  ConfigError,
  httpUrlVariable,
  integerVariable,
  loadConfig,
  portVariable,
  postgresUrlVariable,
  secretVariable,
  type Environment,
} from '../src/index.ts'

const folder = mkdtempSync(join(tmpdir(), 'payflow-config-'))
afterAll(() => rmSync(folder, { recursive: true }))

const schema = z.object({
  PORT: portVariable,
  DATABASE_URL: postgresUrlVariable,
  WALLET_URL: httpUrlVariable,
  SECRET: secretVariable,
  RETRIES: integerVariable(0, 10).default(3),
})

const complete = {
  PORT: '3000',
  DATABASE_URL: 'postgres://127.0.0.1/db',
  WALLET_URL: 'http://127.0.0.1:3001/',
  SECRET: 's'.repeat(32),
}

function faultsOf(environment: Environment): Record<string, string> {
  try {
    loadConfig(schema, environment)
  } catch (error) {
    if (!ConfigError.is(error)) throw error
    return Object.fromEntries(error.faults.map(({ name, message }) => [name, message]))
  }
  return {}
}

describe('loadConfig', () => {
  test('parses what it reads and fills in defaults', () => {
    const config = loadConfig(schema, complete)
    expect(config).toMatchObject({ PORT: 3000, RETRIES: 3, WALLET_URL: 'http://127.0.0.1:3001' })
  })

  test('names every fault at once', () => {
    const faults = faultsOf({
      PORT: '70000',
      WALLET_URL: 'ftp://x',
      RETRIES: '11',
      SECRET: 'short',
    })
    expect(faults).toEqual({
      PORT: 'must be at most 65535',
      DATABASE_URL: 'is required',
      WALLET_URL: 'must be an http(s) URL',
      SECRET: 'must have at least 32 characters',
      RETRIES: 'must be at most 10',
    })
  })

  test('never repeats a value', () => {
    const secret = 'hunter2'
    expect(JSON.stringify(faultsOf({ ...complete, SECRET: secret, PORT: secret }))).not.toContain(
      secret,
    )
  })

  test('takes a value from the file that NAME_FILE names, without its last newline', () => {
    const path = join(folder, 'secret')
    writeFileSync(path, `${'f'.repeat(40)}\n`)
    const { SECRET, ...rest } = complete
    expect(loadConfig(schema, { ...rest, SECRET_FILE: path }).SECRET).toBe('f'.repeat(40))
    expect(SECRET).toBeDefined()
  })

  test('refuses a value given twice and a file that is not there', () => {
    const path = join(folder, 'absent')
    expect(faultsOf({ ...complete, SECRET_FILE: path })['SECRET']).toContain('given twice')
    const { SECRET: _, ...rest } = complete
    expect(faultsOf({ ...rest, SECRET_FILE: path })['SECRET']).toContain('ENOENT')
  })

  test('takes empty for absent', () => {
    expect(faultsOf({ ...complete, PORT: '' })).toEqual({ PORT: 'is required' })
  })
})
