import { closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import { availableParallelism, cpus, loadavg, tmpdir, totalmem } from 'node:os'
import { join } from 'node:path'
import { quantile } from './stats.ts'

/** What the figures depend on. No names of hosts, users or folders. */
export interface Environment {
  readonly mode: 'full' | 'quick'
  readonly cpu: string
  readonly cores: number
  readonly memoryGb: number
  readonly system: string
  readonly node: string
  /**
   * Time for PostgreSQL's smallest durable write on the disk of the data, median, before and after
   * the run. Several times the usual: the disk was shared with others.
   */
  readonly fdatasyncMicros: readonly [before: number, after: number]
  /** Processes that wanted to run when it began, average of a minute; ours not counted. */
  readonly loadBefore: number
  readonly servers: Readonly<Record<string, string>>
  readonly settings: Readonly<Record<string, string>>
}

/** What is there before anything runs; the rest is filled in afterwards. */
export function before(): Pick<Environment, 'loadBefore'> & { fdatasyncMicros: number } {
  return {
    loadBefore: Number((loadavg()[0] ?? 0).toPrecision(2)),
    fdatasyncMicros: Math.round(fdatasyncMicros()),
  }
}

export function environment(
  mode: Environment['mode'],
  began: ReturnType<typeof before>,
  servers: Environment['servers'],
  settings: Environment['settings'],
): Environment {
  return {
    mode,
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    memoryGb: Math.round(totalmem() / 2 ** 30),
    system: `${process.platform} ${process.arch}`,
    node: process.version,
    fdatasyncMicros: [began.fdatasyncMicros, Math.round(fdatasyncMicros())],
    loadBefore: began.loadBefore,
    servers,
    settings,
  }
}

/** As pg_test_fsync does it: one 8 kB page, overwritten in place and flushed. */
function fdatasyncMicros(times = 300): number {
  // testkit keeps temporary data there too.
  const folder = mkdtempSync(join(tmpdir(), 'payflow-bench-'))
  const file = openSync(join(folder, 'page'), 'w')
  const page = Buffer.alloc(8192, 1)
  const micros: number[] = []
  try {
    for (let i = 0; i < times; i++) {
      const started = performance.now()
      writeSync(file, page, 0, page.length, 0)
      fdatasyncSync(file)
      micros.push((performance.now() - started) * 1000)
    }
  } finally {
    closeSync(file)
    rmSync(folder, { recursive: true })
  }
  return quantile(
    micros.toSorted((a, b) => a - b),
    0.5,
  )
}
