/*
 * `npm run story`: a support ticket, played on the real thing. A customer pays, the worker is killed
 * at the worst instants, messages come twice, and every payment is made once. Ends with 0 only if
 * every sentence it printed turned out true.
 */
import { resolve } from 'node:path'
import { openStage, type Stage } from './story/stage.ts'
import { playStory } from './story/play-story.ts'

const dir = resolve(process.env['PAYFLOW_DIR'] ?? resolve(import.meta.dirname, '../.payflow'))
let stage: Stage | undefined
let ending = false

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => void end(signal))
}

async function end(signal: NodeJS.Signals): Promise<void> {
  // npm sends the terminal's Ctrl-C a second time; the first one is enough.
  if (ending) return
  ending = true
  console.log(`\n${signal}: ${stage?.shared ? 'leaving the stack as it was' : 'stopping'} …`)
  await stage?.leave().catch(() => undefined)
  process.exit(signal === 'SIGINT' ? 130 : 143)
}

try {
  stage = await openStage(dir)
  if (!ending) process.exitCode = await playStory(stage)
} catch (error) {
  if (!ending) {
    const reason = error instanceof Error ? error.message : String(error)
    console.error(`\n  ✗ The story broke off: ${reason}`)
    process.exitCode = 1
  }
}
if (!ending) {
  await stage?.leave()
  process.exit()
}
