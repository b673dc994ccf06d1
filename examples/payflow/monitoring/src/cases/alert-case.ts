/** What is expected of one alert while certain series are there. */
export interface AlertCase {
  readonly alert: `Payflow${string}`
  /** What is the case, for who reads that it failed. */
  readonly when: string
  /** Values by series, one a minute, in promtool's notation: `0+10x5`, `_x5` for none. */
  readonly series: Readonly<Record<string, string>>
  /** When it is looked at, from the first value on. */
  readonly at: string
  /** What fires then; empty: nothing does. */
  readonly fires: readonly FiringAlert[]
}

interface FiringAlert {
  readonly labels?: Readonly<Record<string, string>>
  /** What `$value` is shown as, where the description shows it. */
  readonly shown?: string
}

type Series = AlertCase['series']

/** Cases of one alert, in few words. */
export function casesOf(alert: AlertCase['alert']) {
  return {
    fires: (
      when: string,
      series: Series,
      at: string,
      ...fires: readonly [FiringAlert, ...FiringAlert[]]
    ): AlertCase => ({ alert, when, series, at, fires }),
    quiet: (when: string, series: Series, at: string): AlertCase => ({
      alert,
      when,
      series,
      at,
      fires: [],
    }),
  }
}
