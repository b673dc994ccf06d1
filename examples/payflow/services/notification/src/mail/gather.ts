/** Options of {@link gather}. */
export interface GatherOptions<In, Out> {
  /** Does the work for some items; its answers are in their order. */
  readonly run: (items: readonly In[]) => Promise<readonly Out[]>
  /** The most items of a run. */
  readonly max: number
  /** How long the first item of a run waits for others, in milliseconds. */
  readonly lingerMs: number
}

interface Asked<In, Out> {
  readonly item: In
  readonly resolve: (answer: Out) => void
  readonly reject: (error: unknown) => void
}

/**
 * Makes one call of those that come soon after each other, where a call costs what it costs however
 * much it is about. All calls of a run share its failure. Runs do not wait for each other.
 */
export function gather<In, Out>(options: GatherOptions<In, Out>): (item: In) => Promise<Out> {
  const { max, lingerMs } = options
  let waiting: Asked<In, Out>[] = []
  let timer: NodeJS.Timeout | undefined
  const flush = (): void => {
    clearTimeout(timer)
    const asked = waiting
    waiting = []
    void answer(options.run, asked)
  }
  return (item) =>
    new Promise((resolve, reject) => {
      waiting.push({ item, resolve, reject })
      if (waiting.length === 1) timer = setTimeout(flush, lingerMs)
      if (waiting.length === max) flush()
    })
}

async function answer<In, Out>(
  run: GatherOptions<In, Out>['run'],
  asked: readonly Asked<In, Out>[],
): Promise<void> {
  try {
    const answers = await run(asked.map(({ item }) => item))
    for (const [index, { resolve }] of asked.entries()) resolve(answers[index] as Out)
  } catch (error) {
    for (const { reject } of asked) reject(error)
  }
}
