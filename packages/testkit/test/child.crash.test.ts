// Goal: a child process dies, stops or reports exactly at the probe it was armed for, and at no other.
// Method: a small program passes two probes per piece of work it is sent.
import { describe, expect, test } from 'vitest'
import { isAlive, spawnChild, TestkitError } from '../src/index.ts'

const program = new URL('crash-child.ts', import.meta.url)

describe('spawnChild', () => {
  test('kills the child with SIGKILL at the armed probe', async () => {
    await using child = await spawnChild(program)
    await child.arm('work.done', 'kill')
    child.send({ work: 1 })
    expect(await child.exited).toEqual({ code: null, signal: 'SIGKILL' })
    expect(isAlive(child.pid)).toBe(false)
    await expect(child.message((m) => m.kind === 'finished')).rejects.toThrow(/has ended/)
  })

  test('lets the skipped passes go by', async () => {
    await using child = await spawnChild(program)
    await child.arm('work.begun', 'kill', { skip: 1 })
    child.send({ work: 1 })
    await child.message((m) => m.kind === 'finished')
    child.send({ work: 2 })
    expect((await child.exited).signal).toBe('SIGKILL')
  })

  test('kills the child at the one pass it was armed for', async () => {
    await using child = await spawnChild(program)
    await child.arm('work.done', 'kill', { only: 2 })
    child.send({ work: 1 })
    await child.message((m) => m.kind === 'finished')
    child.send({ work: 2 })
    expect((await child.exited).signal).toBe('SIGKILL')
  })

  test('holds the child at a stop until told to go on', async () => {
    await using child = await spawnChild(program)
    await child.arm('work.begun', 'stop')
    child.send({ work: 7 })
    expect(await child.reached('work.begun')).toEqual({ work: 7, amountMinor: '5' })
    await expect(child.message((m) => m.kind === 'finished', { timeoutMs: 100 })).rejects.toThrow(
      /waited 100 ms/,
    )
    child.go('work.begun')
    expect(await child.message((m) => m.kind === 'finished')).toEqual({ kind: 'finished', work: 7 })
  })

  test('reports every pass of a probe until it is disarmed', async () => {
    await using child = await spawnChild(program)
    await child.arm('work.done', 'report')
    for (const work of [1, 2]) {
      child.send({ work })
      await child.reached('work.done')
    }
    await child.disarm('work.done')
    child.send({ work: 3 })
    await child.message((m) => m.work === 3)
    await expect(child.reached('work.done', { timeoutMs: 50 })).rejects.toThrow(/work\.done/)
  })

  test('gives the output, and the reason when a child ends before it answers', async () => {
    await using child = await spawnChild(program)
    await child.message((m) => m.kind === 'hello')
    await child.kill('SIGTERM')
    expect(child.stdout()).toBe('started\n')
    const failure = await child.arm('work.done', 'kill').catch((error: unknown) => error)
    expect(TestkitError.is(failure) && failure.code).toBe('TESTKIT_CHILD_EXITED')
  })
})
