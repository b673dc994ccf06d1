import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { loadSecrets, type Secrets } from '../src/secrets.ts'
import { folder } from './folder.ts'

test('secrets are made once, for the eyes of their owner', () => {
  const dir = folder()
  const made = loadSecrets(dir)
  expect(loadSecrets(dir)).toEqual(made)
  expect(statSync(join(dir, 'secrets.json')).mode & 0o777).toBe(0o600)
})

test('a service key that is missing is made, for nothing was locked with it', () => {
  const dir = folder()
  const { serviceKeys, addressHashKey: _, ...older } = loadSecrets(dir)
  const { SERVICE_KEY_WORKER_TO_WALLET: _lost, ...kept } = serviceKeys
  writeFileSync(join(dir, 'secrets.json'), JSON.stringify({ ...older, serviceKeys: kept }))
  const now = loadSecrets(dir)
  expect(now).toMatchObject({ ...older, serviceKeys: kept })
  expect(new Set(texts(now)).size).toBe(texts(now).length)
  expect(now.serviceKeys.SERVICE_KEY_WORKER_TO_WALLET).toMatch(/^[\w-]{43}$/)
  expect(loadSecrets(dir)).toEqual(now)
  expect(statSync(join(dir, 'secrets.json')).mode & 0o777).toBe(0o600)
})

test('two folders share no secret', () => {
  const [one, other] = [texts(loadSecrets(folder())), texts(loadSecrets(folder()))]
  expect(one.filter((text) => other.includes(text))).toEqual([])
  expect(new Set(one).size).toBe(one.length)
})

test.each([
  ['empty', () => ''],
  ['cut off', (text: string) => text.slice(0, 100)],
  ['without a password', (text: string) => text.replace('"wallet"', '"other"')],
  [
    'with an empty secret',
    (text: string) => text.replace(/"controlToken": "[^"]+"/, '"controlToken": ""'),
  ],
  ['not an object', () => 'null'],
])('a file that is %s is refused, because no other secrets open the data', (_, damage) => {
  const dir = folder()
  loadSecrets(dir)
  const file = join(dir, 'secrets.json')
  writeFileSync(file, damage(readFileSync(file, 'utf8')))
  const damaged = readFileSync(file, 'utf8')
  expect(() => loadSecrets(dir)).toThrow(
    expect.objectContaining({
      code: 'STACK_SECRETS_DAMAGED',
      message: expect.stringContaining('npm run reset'),
    }),
  )
  expect(readFileSync(file, 'utf8')).toBe(damaged)
})

function texts(secrets: Secrets): string[] {
  const { databasePasswords, serviceKeys, ...others } = secrets
  return [databasePasswords, serviceKeys, others].flatMap((part) => Object.values(part))
}
