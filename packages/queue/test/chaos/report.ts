import type { Tally } from './tally.ts'
import type { Verdict } from './verdict.ts'

const EVERY_MS = 5_000

const grouped = (n: number): string => Math.round(n).toLocaleString('en-US')

/** A line now and then: how far, how fast, how many faults, and the seed to do it again. */
export function progress(
  tally: Tally,
  of: { readonly messages: number; readonly faults: number; readonly seed: number },
  say: (line: string) => void,
): { stop(): void } {
  let before = 0
  const timer = setInterval(() => {
    const perSecond = ((tally.effects - before) * 1_000) / EVERY_MS
    before = tally.effects
    say(
      `  ${grouped(tally.committed)} of ${grouped(of.messages)} written` +
        ` · ${grouped(tally.effects)} effects · ${grouped(perSecond)}/s` +
        ` · ${grouped(tally.faultsTotal)} of ${grouped(of.faults)} faults · seed ${of.seed}`,
    )
  }, EVERY_MS)
  return { stop: () => clearInterval(timer) }
}

/** Everything that came up, and what became of the messages. */
export function summary(
  tally: Tally,
  verdict: Verdict,
  end: { readonly seconds: number; readonly seed: number },
): string {
  const { messages, effects, expected, parked, ...wrong } = verdict
  return [
    '',
    ...table('faults', [...tally.faults]),
    '',
    ...table('what must be nothing', Object.entries(wrong)),
    '',
    `${grouped(messages)} messages in ${grouped(end.seconds)} s, ${grouped(tally.faultsTotal)} faults,` +
      ` seed ${end.seed}: ${grouped(effects)} effects of ${grouped(expected)} expected,` +
      ` ${grouped(parked)} parked as meant by each of three consumers`,
  ].join('\n')
}

function table(name: string, counts: readonly (readonly [string, number])[]): string[] {
  const rows = counts.toSorted(([, one], [, other]) => other - one)
  const width = Math.max(name.length, ...rows.map(([what]) => what.length))
  return [name, ...rows.map(([what, n]) => `  ${what.padEnd(width)}  ${grouped(n).padStart(11)}`)]
}
