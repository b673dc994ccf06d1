/*
 * Goal: no key that is too short, missing, or shared by two pairs of services gets as far as a server.
 * Method: the variables as each process reads them.
 */
import { SERVICE_CALLS, serviceKeyName, serviceKeyNamesOf } from '@payflow-app/contracts/internal'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import {
  callerKeys,
  ConfigError,
  loadConfig,
  serviceKeyFaults,
  serviceKeyVariables,
} from '../src/index.ts'

const schema = z.object(serviceKeyVariables('wallet'))
const keys = Object.fromEntries(
  serviceKeyNamesOf('wallet').map((name) => [name, name.padEnd(40, '-')]),
)
const changed = 'SERVICE_KEY_WORKER_TO_WALLET'

function faultsOf(change: Readonly<Record<string, string | undefined>>): string[] {
  try {
    return serviceKeyFaults(loadConfig(schema, { ...keys, ...change })).map(
      ({ name, message }) => `${name}: ${message}`,
    )
  } catch (error) {
    if (!ConfigError.is(error)) throw error
    return error.faults.map(({ name, message }) => `${name}: ${message}`)
  }
}

describe('service keys', () => {
  test('are read by those two that share them, and by nobody else', () => {
    for (const call of SERVICE_CALLS) {
      const holders = [
        'gateway',
        'auth',
        'wallet',
        'transaction',
        'notification',
        'worker',
        'reversal',
      ].filter((process) => serviceKeyNamesOf(process).includes(serviceKeyName(call)))
      expect(holders.toSorted()).toEqual([call.caller, call.audience].toSorted())
    }
    expect(serviceKeyNamesOf('gateway')).toEqual([])
  })

  test('are one, or two that are told apart by white space', () => {
    const two = `${'a'.repeat(32)}\n${'b'.repeat(32)} \n`
    expect(faultsOf({})).toEqual([])
    expect(faultsOf({ [changed]: two })).toEqual([])
    const config = loadConfig(schema, { ...keys, [changed]: two })
    expect(callerKeys('wallet', config).get('worker')).toEqual(['a'.repeat(32), 'b'.repeat(32)])
    expect([...callerKeys('wallet', config).keys()].toSorted()).toEqual([
      'auth',
      'reversal',
      'transaction',
      'worker',
    ])
  })

  test.each([
    ['a short one', 'a'.repeat(31)],
    ['a short second', `${'a'.repeat(32)} b`],
    ['three', ['a', 'b', 'c'].map((one) => one.repeat(32)).join(' ')],
    ['the same twice', `${'a'.repeat(32)} ${'a'.repeat(32)}`],
    ['nothing but white space', '  '],
  ])('are not %s, and the fault repeats nothing of it', (_, value) => {
    expect(faultsOf({ [changed]: value })).toEqual([
      `${changed}: must be a key of at least 32 characters, or two different ones`,
    ])
  })

  test('are each of one pair only: who has the one could pass for the other', () => {
    const other = 'SERVICE_KEY_AUTH_TO_WALLET'
    const [fault, ...more] = faultsOf({ [changed]: `${'a'.repeat(32)} ${keys[other]}` })
    expect(more).toEqual([])
    expect(fault).toMatch(/^SERVICE_KEY_(WORKER|AUTH)_TO_WALLET: has a key that SERVICE_KEY_/)
    expect(faultsOf({ [changed]: undefined })).toEqual([`${changed}: is required`])
  })
})
