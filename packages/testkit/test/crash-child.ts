// A program that passes probe points, for child.crash.test.ts.
import { childProbe } from '../src/child-probe.ts'

const probe = childProbe()
console.log('started')
process.send?.({ kind: 'hello', pid: process.pid })
process.on('message', async (message) => {
  const { work } = message as { work?: number }
  if (work === undefined) return
  await probe('work.begun', { work, amountMinor: 5n })
  await probe('work.done')
  process.send?.({ kind: 'finished', work })
})
