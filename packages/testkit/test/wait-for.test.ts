// Goal: waitFor returns the first truthy value and, when it gives up, says what it saw last.
import { describe, expect, test } from 'vitest'
import { TestkitError, waitFor } from '../src/index.ts'

describe('waitFor', () => {
  test('resolves with the first truthy value', async () => {
    let calls = 0
    const value = await waitFor(() => (++calls === 3 ? { calls } : undefined), { intervalMs: 1 })
    expect(value).toEqual({ calls: 3 })
  })

  test('takes an error for "not yet"', async () => {
    let calls = 0
    const look = async () => {
      calls += 1
      if (calls < 3) throw new Error('refused')
      return 'open'
    }
    expect(await waitFor(look, { intervalMs: 1 })).toBe('open')
  })

  test('takes an error for the end, when told so, and throws it as it is', async () => {
    const collided = new Error('could not serialize access')
    let calls = 0
    const look = async () => {
      calls += 1
      if (calls === 2) throw collided
      return false
    }
    await expect(waitFor(look, { intervalMs: 1, errors: 'end' })).rejects.toBe(collided)
    expect(calls).toBe(2)
  })

  test('names what it waited for and the last value', async () => {
    const wait = waitFor(() => 0, { timeoutMs: 20, intervalMs: 1, message: 'a row to appear' })
    await expect(wait).rejects.toThrow('waited 20 ms for a row to appear; last value: 0')
  })

  test('names the last error and keeps it as the cause', async () => {
    const refused = new Error('connection refused')
    const look = () => Promise.reject(refused)
    const failure = await waitFor(look, { timeoutMs: 20, intervalMs: 1 }).catch((e: unknown) => e)
    expect(TestkitError.is(failure) && failure.code).toBe('TESTKIT_WAIT_TIMED_OUT')
    expect(failure).toHaveProperty(
      'message',
      expect.stringContaining('last error: connection refused'),
    )
    expect(failure).toHaveProperty('cause', refused)
  })

  test('ends at the deadline although the condition never answers', async () => {
    const wait = waitFor(() => new Promise<never>(() => undefined), { timeoutMs: 30 })
    await expect(wait).rejects.toThrow('it never answered')
  })
})
