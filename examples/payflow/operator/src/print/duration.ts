/** A length of time as a person says it: `340 ms`, `12 s`, `3 min`, `5 h`, `2 d`. */
export function durationText(ms: number): string {
  if (ms < 1_000) return `${Math.max(0, Math.round(ms))} ms`
  const units: readonly [number, string][] = [
    [86_400_000, 'd'],
    [3_600_000, 'h'],
    [60_000, 'min'],
  ]
  const unit = units.find(([size]) => ms >= 2 * size)
  return unit ? `${Math.floor(ms / unit[0])} ${unit[1]}` : `${Math.round(ms / 1_000)} s`
}
