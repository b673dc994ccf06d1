// A program that passes probe points, for child.crash.test.ts.
import { childProbe } from '../src/child-probe.ts'

const probe = childProbe()
process.stdout.write('started\n')
process.send?.({ kind: 'hello', pid: process.pid })
process.on('message', (message) => {
  const { work } = message as { work?: number }
  if (work !== undefined) void perform(work)
})

async function perform(work: number): Promise<void> {
  await probe('work.begun', { work, amountMinor: 5n })
  await probe('work.done', work)
  process.send?.({ kind: 'finished', work })
}
