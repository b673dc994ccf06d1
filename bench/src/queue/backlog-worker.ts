// Drains a backlog in a process of its own and says what that took: messages, memory and the longest
// time the event loop stood still, four times a second.
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { payflowSets } from './contenders/payflow.ts'
import type { Place, WorkOptions } from './contenders/contender.ts'

/** What the parent passes in SETTINGS. */
export interface BacklogSettings {
  readonly place: Place
  readonly options: WorkOptions
}

/** One look. */
export interface Sample {
  /** Since the process began to work. */
  readonly seconds: number
  readonly done: number
  readonly rssMb: number
  readonly heapMb: number
  /** The longest the event loop stood still since the last look. */
  readonly stallMs: number
}

const EVERY_MS = 250
const MB = 2 ** 20

const { place, options } = JSON.parse(process.env['SETTINGS'] ?? '{}') as BacklogSettings
const stalls = monitorEventLoopDelay({ resolution: 10 })
const samples: Sample[] = []
const startedAt = performance.now()
let done = 0

function look(): void {
  const { rss, heapUsed } = process.memoryUsage()
  samples.push({
    seconds: (performance.now() - startedAt) / 1_000,
    done,
    rssMb: rss / MB,
    heapMb: heapUsed / MB,
    stallMs: stalls.max / 1e6,
  })
  stalls.reset()
}

process.on('disconnect', () => process.exit())
stalls.enable()
const looking = setInterval(look, EVERY_MS)
const telling = setInterval(() => process.send?.({ done }), 5_000)
const ended = Promise.withResolvers<void>()
const work = await payflowSets.work(place, options, (messages) => {
  done += messages
  if (done === options.count) ended.resolve()
})
await ended.promise
look()
clearInterval(looking)
clearInterval(telling)
await work.stop()
// A report of many samples is more than the pipe takes at once: the process stays until it was read.
process.once('message', () => process.disconnect())
process.send?.({ samples })
