import type { World } from './world.ts'

/** Work that many callers ask for at once. */
export interface Case {
  readonly name: string
  /** How many have a call under way at any time. */
  readonly callers: number
  /** One call, by caller 0 … `callers` − 1; answers how many units it did, a batch its items. */
  readonly call: (caller: number) => Promise<number>
  /** Looked at after each slice. */
  readonly world?: World
}

/** What a slice of time gave. */
export interface Slice {
  readonly done: number
  readonly seconds: number
  readonly perSecond: number
  /** Milliseconds of each call. */
  readonly callMs: readonly number[]
  /** Calls that threw, by code or text. */
  readonly errors: ReadonlyMap<string, number>
  /** Processor time of this Node process. */
  readonly jsCpuSeconds: number
}

/** Keeps `callers` calls under way for `ms`, then waits for the last of them. */
export async function load(work: Case, ms: number): Promise<Slice> {
  const errors = new Map<string, number>()
  const callMs: number[] = []
  let done = 0
  const cpu = process.cpuUsage()
  const started = performance.now()
  const until = started + ms
  async function caller(index: number): Promise<void> {
    for (let now = performance.now(); now < until;) {
      try {
        const units = await work.call(index)
        done += units
      } catch (error) {
        const code = codeOf(error)
        errors.set(code, (errors.get(code) ?? 0) + 1)
      }
      const after = performance.now()
      callMs.push(after - now)
      now = after
    }
  }
  await Promise.all(Array.from({ length: work.callers }, (_, index) => caller(index)))
  const seconds = (performance.now() - started) / 1000
  const { user, system } = process.cpuUsage(cpu)
  const jsCpuSeconds = (user + system) / 1e6
  return { done, seconds, perSecond: done / seconds, callMs, errors, jsCpuSeconds }
}

function codeOf(error: unknown): string {
  const { code, message } = error as { code?: unknown; message?: unknown }
  return typeof code === 'string' ? code : String(message ?? error)
}
