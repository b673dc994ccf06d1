// The child's side of a long run: looks at itself, tells how far it is, and hands over what it saw.
const EVERY_MS = 250
const MB = 2 ** 20

/** One look. */
export interface Sample {
  /** Since the looking began. */
  readonly seconds: number
  readonly done: number
  readonly rssMb: number
  readonly heapMb: number
}

/**
 * Looks four times a second until the work has ended, tells the parent the count every
 * `tellEveryMs`, and answers all looks. `more` adds to each look.
 */
export async function watched<More extends object>(
  work: () => Promise<void>,
  options: {
    readonly done: () => number
    readonly tellEveryMs: number
    readonly more: () => More
  },
): Promise<(Sample & More)[]> {
  process.on('disconnect', () => process.exit())
  const samples: (Sample & More)[] = []
  const startedAt = performance.now()
  const look = (): void => {
    const { rss, heapUsed } = process.memoryUsage()
    const seconds = (performance.now() - startedAt) / 1_000
    const seen = { seconds, done: options.done(), rssMb: rss / MB, heapMb: heapUsed / MB }
    samples.push({ ...seen, ...options.more() })
  }
  const looking = setInterval(look, EVERY_MS)
  const telling = setInterval(() => process.send?.({ done: options.done() }), options.tellEveryMs)
  await work()
  look()
  clearInterval(looking)
  clearInterval(telling)
  return samples
}

/** A report of many samples is more than the pipe takes at once: the process stays until it was read. */
export function report<Report extends { readonly samples: readonly Sample[] }>(
  found: Report,
): void {
  process.once('message', () => process.disconnect())
  process.send?.(found)
}
