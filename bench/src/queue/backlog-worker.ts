// Drains a backlog in a process of its own and says what that took: messages, memory and the longest
// time the event loop stood still, four times a second.
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { report, type Sample, watched } from '../lib/long-run-child.ts'
import { payflowSets } from './contenders/payflow.ts'
import type { Place, Work, WorkOptions } from './contenders/contender.ts'

/** What the parent passes in SETTINGS. */
export interface BacklogSettings {
  readonly place: Place
  readonly options: WorkOptions
}

/** One look. */
export interface BacklogSample extends Sample {
  /** The longest the event loop stood still since the last look. */
  readonly stallMs: number
}

const { place, options } = JSON.parse(process.env['SETTINGS'] ?? '{}') as BacklogSettings
const stalls = monitorEventLoopDelay({ resolution: 10 })
let done = 0

function stalled(): { readonly stallMs: number } {
  const stallMs = stalls.max / 1e6
  stalls.reset()
  return { stallMs }
}

stalls.enable()
const ended = Promise.withResolvers<void>()
let work: Work | undefined
const samples = await watched(
  async () => {
    work = await payflowSets.work(place, options, (messages) => {
      done += messages
      if (done === options.count) ended.resolve()
    })
    await ended.promise
  },
  { done: () => done, tellEveryMs: 5_000, more: stalled },
)
await work?.stop()
report({ samples })
