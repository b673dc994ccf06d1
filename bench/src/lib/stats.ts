/** What is kept of a series of measurements: the middle, and how far the machine made it stray. */
export interface Spread {
  readonly median: number
  readonly min: number
  readonly max: number
  /** Number of measurements. */
  readonly n: number
}

export function spread(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b)
  const first = sorted[0]
  const last = sorted.at(-1)
  if (first === undefined || last === undefined) throw new Error('nothing was measured')
  return { median: quantile(sorted, 0.5), min: first, max: last, n: sorted.length }
}

/** A value of a sorted series, between its neighbours where the place is between two of them. */
export function quantile(sorted: readonly number[], q: number): number {
  const place = (sorted.length - 1) * q
  const below = sorted[Math.floor(place)]
  const above = sorted[Math.ceil(place)]
  if (below === undefined || above === undefined) throw new Error('nothing was measured')
  return below + (above - below) * (place - Math.floor(place))
}

/**
 * Round by round, one series over another. The two were measured next to each other, so what the
 * machine did to both at that time cancels out: a median of ratios, not a ratio of medians.
 */
export function ratios(over: readonly number[], under: readonly number[]): number[] {
  if (over.length !== under.length) throw new Error('series of different rounds')
  return over.map((value, round) => value / (under[round] ?? Number.NaN))
}
