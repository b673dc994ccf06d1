import type { Findings } from './result.ts'

/** What a benchmark is given. */
export interface Context {
  /** Seconds instead of minutes: is it still right? Its figures are worth little. */
  readonly quick: boolean
  /** A line for whoever waits. */
  readonly say: (line: string) => void
  /** Names of the sections to run; empty: all. */
  readonly only: readonly string[]
  /** Records a server and its settings for the result's environment. */
  readonly used: (server: string, version: string, settings?: Record<string, string>) => void
}

/** A benchmark that `npm run bench -- NAME` runs. */
export interface Bench {
  readonly about: string
  readonly takes: string
  run(context: Context): Promise<Findings>
}
