/*
 * Goal: a worker that dies at the worst instants costs time, never money.
 * Method: seeded runs. In each the worker is armed to kill itself with SIGKILL at one named point,
 * a few payments are made, the supervisor starts another worker, and every payment must end once.
 */
import { random, randomInteger, seed, waitFor } from '@payflow/testkit'
import { startStack, type Stack } from '@payflow-app/stack'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { auditAll, auditPayment, settle, SOUND, User } from './src/index.ts'

/** `CRASH_RUNS=5 npm test -- worker-crash` for a quick look. */
const RUNS = Number(process.env['CRASH_RUNS'] ?? 100)

/** Named by what has happened when the worker dies there. */
const INSTANTS = [
  { probe: 'consumer.decided', means: 'after the wallet call, before the commit' },
  { probe: 'consumer.recorded', means: 'in the transaction, right before the commit' },
  { probe: 'consumer.committed', means: 'after the commit, before the ack' },
] as const

let stack: Stack
let ada: User
let grace: User

beforeAll(async () => {
  // The backstops must not repair what this test is about.
  const never = { DISPATCH_TIMEOUT_MS: '3600000', PROCESSING_TIMEOUT_MS: '3600000' }
  stack = await startStack({ env: { reversal: never }, restartDelayMaxMs: 200 })
  ;[ada, grace] = await Promise.all([User.register(stack.url), User.register(stack.url)])
})
afterAll(async () => {
  await stack?.stop()
})

describe('a worker killed with SIGKILL', () => {
  it(`QUEUE-01 QUEUE-02 makes every payment once, in ${RUNS} seeded runs`, async () => {
    const deaths = new Map<string, number>()
    let paid = 0
    for (let run = 0; run < RUNS; run += 1) {
      const instant = INSTANTS[Math.floor(random() * INSTANTS.length)]!
      const what = `run ${run} of seed ${seed()}: killed ${instant.means}`
      const victim = await armedWorker(instant.probe)
      const count = randomInteger(1, 3)
      const answers = await Promise.all(
        Array.from({ length: count }, () => ada.pay({ toUserId: grace.id, amount: 100 })),
      )
      await waitFor(() => stack.pid('worker') !== victim, { message: `${what}: the worker died` })
      for (const { status, body } of answers) {
        expect(status, what).toBe(202)
        expect(await settle(ada, body.id, 30_000), what).toMatchObject({ status: 'COMPLETED' })
        expect(await auditPayment(stack, body.id), what).toMatchObject({ postings: 1 })
      }
      deaths.set(instant.probe, (deaths.get(instant.probe) ?? 0) + 1)
      paid += count
    }
    expect([...deaths.values()].reduce((sum, times) => sum + times, 0)).toBe(RUNS)
    expect([...deaths.keys()].toSorted()).toEqual(INSTANTS.map(({ probe }) => probe).toSorted())
    expect(await ada.wallet()).toMatchObject({ balance: 100_000 - paid * 100, pending: 0 })
    expect(await grace.wallet()).toMatchObject({ balance: 100_000 + paid * 100 })
    expect(await auditAll(stack)).toMatchObject({ ...SOUND, payments: paid, completed: paid })
  })
})

/** Arms the worker that runs now, waiting for one if the last has only just died. */
function armedWorker(probe: string): Promise<number> {
  return waitFor(
    async () => {
      const pid = stack.pid('worker')
      if (pid === 0) return undefined
      await stack.arm('worker', probe, 'kill')
      return stack.pid('worker') === pid ? pid : undefined
    },
    { timeoutMs: 60_000, message: `a worker armed at ${probe}` },
  )
}
