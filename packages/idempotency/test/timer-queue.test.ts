// Many waits of equal length on one timer. By a clock of the test's own.
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { TimerQueue, Waiting } from '../src/timer-queue.ts'

const afterMs = 40

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
})
afterEach(() => {
  vi.useRealTimers()
})

class Wait extends Waiting {
  readonly #told: () => void

  constructor(told: () => void) {
    super()
    this.#told = told
  }

  override onDue(): void {
    this.#told()
  }
}

function setUp(keepsAlive = true) {
  const log: string[] = []
  const queue = new TimerQueue(afterMs, keepsAlive)
  const waitFor = (name: string): Wait => {
    const wait = new Wait(() => log.push(name))
    queue.add(wait)
    return wait
  }
  return { queue, log, waitFor }
}

/** Moves the clock, and lets the sockets be read that the queue waits for. */
async function pass(ms: number): Promise<void> {
  vi.advanceTimersByTime(ms)
  await new Promise((resolve) => setImmediate(resolve))
}

it('calls what is due in the order in which it came, but not what was removed', async () => {
  const { queue, log, waitFor } = setUp()
  const [a, , c] = [waitFor('a'), waitFor('b'), waitFor('c'), waitFor('d')]
  await pass(afterMs / 2)
  const [, f] = [waitFor('e'), waitFor('f')]
  for (const removed of [a, c, f, c]) queue.remove(removed)
  await pass(afterMs / 2 - 1)
  expect(log).toEqual([])
  await pass(1)
  expect(log).toEqual(['b', 'd'])
  await pass(afterMs / 2)
  expect(log).toEqual(['b', 'd', 'e'])
  expect(queue.isEmpty).toBe(true)
})

it('takes what is put back while it is called', async () => {
  const { queue, log } = setUp()
  const again = new Wait(() => {
    log.push('beat')
    if (log.length < 3) queue.add(again)
  })
  queue.add(again)
  for (let beats = 0; beats < 5; beats += 1) await pass(afterMs)
  expect(log).toEqual(['beat', 'beat', 'beat'])
})

it('spares what is answered between its timer and its turn', async () => {
  const { queue, log, waitFor } = setUp()
  const wait = waitFor('a')
  vi.advanceTimersByTime(3 * afterMs)
  queue.remove(wait)
  await pass(0)
  expect(log).toEqual([])
})

it('begins the time of the youngest anew', async () => {
  const { queue, log, waitFor } = setUp()
  waitFor('a')
  await pass(afterMs / 2)
  const since = performance.now()
  waitFor('b')
  await pass(afterMs / 4)
  queue.restart(since)
  await pass(afterMs / 4)
  await pass(afterMs / 2)
  expect(log).toEqual(['a'])
  await pass(afterMs / 4)
  expect(log).toEqual(['a', 'b'])
})

it('goes on when somebody has taken its timer away, as tests with a clock do', async () => {
  const { log, waitFor } = setUp()
  waitFor('lost for a while')
  vi.clearAllTimers()
  await pass(afterMs + 1_001)
  waitFor('next')
  await pass(afterMs)
  expect(log).toEqual(['lost for a while', 'next'])
})

it('keeps the process alive only while something waits, and only if it is to', () => {
  vi.useRealTimers()
  const timers = (): number =>
    process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length
  const before = timers()
  const { queue, waitFor } = setUp()
  const wait = waitFor('a')
  expect(timers()).toBe(before + 1)
  queue.remove(wait)
  expect(timers()).toBe(before)
  queue.add(wait)
  expect(timers()).toBe(before + 1)
  queue.remove(wait)
  setUp(false).waitFor('b')
  expect(timers()).toBe(before)
})
