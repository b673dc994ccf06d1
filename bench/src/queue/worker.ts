// A contender in a process of its own. It works when told to and says how fast it was; the parent may
// kill it at any time.
import { contenderOf } from './contenders/all.ts'
import type { Body, Place, Work, WorkOptions } from './contenders/contender.ts'

/** What the parent passes in SETTINGS. */
export interface WorkerSettings {
  readonly contender: string
  readonly place: Place
}

/** Asks it to work: until `count` messages are committed, or for as long as it lives. */
export interface WorkOrder extends WorkOptions {
  /** Also tells of each how long it took since it was sent. */
  readonly timed?: boolean
}

/** How fast it was, after the first tenth. */
export interface Pace {
  readonly perSecond: number
  /** Processor time of this process a message. */
  readonly cpuMicros: number
}

const { contender, place } = JSON.parse(process.env['SETTINGS'] ?? '{}') as WorkerSettings
const { work } = contenderOf(contender)
let working: Work | undefined

async function begin(order: WorkOrder): Promise<void> {
  const first = Math.floor(order.count / 10)
  let done = 0
  let startedAt: { ms: number; cpu: NodeJS.CpuUsage; done: number } | undefined
  const note = (body: Body | undefined): void => {
    if (order.timed !== true || body === undefined) return
    process.send?.({ tookMs: Number(process.hrtime.bigint() - BigInt(body.sentAtNs)) / 1e6 })
  }
  working = await work(place, order, (messages, body) => {
    const before = done
    done += messages
    note(body)
    if (startedAt === undefined && done >= first) {
      startedAt = { ms: performance.now(), cpu: process.cpuUsage(), done }
    }
    if (before >= order.count || done < order.count || startedAt === undefined) return
    const seconds = (performance.now() - startedAt.ms) / 1_000
    const { user, system } = process.cpuUsage(startedAt.cpu)
    const counted = done - startedAt.done
    const pace: Pace = { perSecond: counted / seconds, cpuMicros: (user + system) / counted }
    process.send?.({ pace })
  })
  process.send?.({ working: true })
}

async function rest(): Promise<void> {
  await working?.stop()
  working = undefined
  process.send?.({ resting: true })
}

process.on('message', (asked: { work?: WorkOrder; rest?: true }) => {
  if (asked.work !== undefined) void begin(asked.work)
  if (asked.rest !== undefined) void rest()
})
process.on('disconnect', () => process.exit())
process.send?.({ ready: true })
