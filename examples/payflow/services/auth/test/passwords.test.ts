/*
 * Goal: a hash that fails harms the attempt that needs it, and neither the next one nor the process.
 * Method: the real argon2id at a cost that it refuses, which is how it fails on demand.
 */
import { expect, test } from 'vitest'
import { createHashGate } from '../src/hash-gate.ts'
import { createPasswords } from '../src/passwords.ts'

const gate = () => createHashGate({ runningMax: 2, waitingMax: 2 })
const possible = () => createPasswords(gate(), { memoryKib: 64, passes: 1 })
/** Argon2 needs 8 KiB. */
const impossible = () => createPasswords(gate(), { memoryKib: 1, passes: 1 })

test('a decoy that fails is nobody’s concern whose password is compared with a real hash', async () => {
  const stored = await possible().hash('correct horse battery')
  // vitest fails a run in which a rejection has no handler; Node would end the process.
  expect(await impossible().check('correct horse battery', async () => stored)).toBe(true)
})

test('a decoy that fails is made anew by the next attempt', async () => {
  const passwords = impossible()
  const failure = async (): Promise<unknown> =>
    await passwords.check('guess', async () => undefined).catch((error: unknown) => error)
  const [first, second] = [await failure(), await failure()]
  expect(first).toBeInstanceOf(Error)
  expect(second).toBeInstanceOf(Error)
  expect(second).not.toBe(first)
})
