import { Gauge, type Registry } from 'prom-client'

/** What is said of a gauge. */
export interface GaugeDescription {
  readonly name: string
  readonly help: string
  readonly labelNames?: readonly string[]
}

/** Sets one value of a gauge. */
export type SetGauge = (labels: Readonly<Record<string, string>>, value: number) => void

/**
 * Registers a gauge that is read at each scrape: right for all replicas and after every restart.
 * What cannot be read has no value: an old one would look like news, and 0 like all is well.
 */
export function registerGauge(
  registry: Registry,
  { labelNames = [], ...description }: GaugeDescription,
  read: (set: SetGauge) => Promise<void> | void,
): void {
  new Gauge({
    ...description,
    labelNames: [...labelNames],
    registers: [registry],
    async collect() {
      this.reset()
      try {
        await read((labels, value) => this.set(labels, value))
      } catch {
        this.reset()
        // Without labels a reset leaves a 0 behind.
        if (labelNames.length === 0) this.remove()
      }
    },
  })
}

/** Gauges of one scrape that show parts of one answer ask for it once. */
export function oncePerScrape<T>(read: () => Promise<T>): () => Promise<T> {
  let running: Promise<T> | undefined
  return () =>
    (running ??= read().finally(() => {
      running = undefined
    }))
}
