import type { Environment } from './environment.ts'
import type { Scoreboard } from './scoreboard.ts'
import type { Spread } from './stats.ts'

/** A line of a table: what was measured, and whether it also did what it should. */
export interface Row extends Spread {
  readonly case: string
  /** `/s`, `×`, `µs`, `ms`, `%` … */
  readonly unit: string
  /** What was compared after each measurement; starts with `✗` when it did not hold. */
  readonly correct?: string
}

/** Rows that belong together: one table, one chart. */
export interface Section {
  readonly title: string
  /** What the rows are worth and how they were made; printed above the table. */
  readonly note?: string
  readonly rows: readonly Row[]
}

export interface Claim {
  readonly id: string
  readonly text: string
  readonly target: number
  /** Median of the ratios. */
  readonly value: number
  readonly holds: boolean
  /** Why it does not hold, or what to know about it; only in the Markdown. */
  readonly remark?: string
}

/** What a benchmark answers. */
export interface Findings {
  readonly sections: readonly Section[]
  readonly claims: readonly Claim[]
  /** What was wrong in the data after a case; empty when every case did what it should. */
  readonly faults: readonly string[]
  /** A table of what each contender did; drawn instead of bars. */
  readonly scoreboard?: Scoreboard
}

/** `results/NAME.json`. */
export interface Result {
  readonly name: string
  readonly at: string
  readonly environment: Environment
  readonly rows: readonly (Spread & { readonly case: string; readonly unit: string })[]
  readonly claims: readonly Omit<Claim, 'remark'>[]
  readonly scoreboard?: Scoreboard
}

export const atLeast = (id: string, target: number, value: number, text: string): Claim => ({
  id,
  text,
  target,
  value: rounded(value),
  holds: value >= target,
})

export const atMost = (id: string, target: number, value: number, text: string): Claim => ({
  id,
  text,
  target,
  value: rounded(value),
  holds: value <= target,
})

/** Three significant digits: more would be noise. */
export const rounded = (value: number): number =>
  Math.abs(value) >= 1000 ? Math.round(value) : Number(value.toPrecision(3))

export function resultOf(
  name: string,
  at: Date,
  environment: Environment,
  findings: Findings,
): Result {
  return {
    name,
    at: at.toISOString(),
    environment,
    rows: findings.sections.flatMap((section) =>
      section.rows.map((row) => ({
        case: `${section.title}: ${row.case}`,
        unit: row.unit,
        median: rounded(row.median),
        min: rounded(row.min),
        max: rounded(row.max),
        n: row.n,
      })),
    ),
    claims: findings.claims.map(({ remark: _remark, ...claim }) => claim),
    ...(findings.scoreboard === undefined ? {} : { scoreboard: findings.scoreboard }),
  }
}
