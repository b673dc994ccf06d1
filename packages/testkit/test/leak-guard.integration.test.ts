// Goal: a file that leaves something open fails and is told what it was.
// Method: the guard's own function is called on things left open on purpose.
import { createServer } from 'node:net'
import { describe, expect, test } from 'vitest'
import { createTestDatabase } from '../src/index.ts'
import { expectNothingOpen, openHandles } from '../src/leak-guard.ts'

describe('expectNothingOpen', () => {
  test('passes when everything was given back', async () => {
    const before = openHandles()
    await (await createTestDatabase()).dispose()
    await expect(expectNothingOpen(before)).resolves.toBeUndefined()
  })

  test('names a database that was not disposed of, and disposes of it', async () => {
    const before = openHandles()
    const database = await createTestDatabase()
    await expect(expectNothingOpen(before)).rejects.toThrow(database.name)
    expect(database.pool.ended).toBe(true)
    await expectNothingOpen(before)
  })

  test('names a socket nobody closed', async () => {
    const before = openHandles()
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    await expect(expectNothingOpen(before)).rejects.toThrow(/1 × TCPServerWrap/)
    await new Promise((resolve) => server.close(resolve))
  })
})
