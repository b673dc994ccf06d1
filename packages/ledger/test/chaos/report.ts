import type { Tally } from '../support/world/tally.ts'

const EVERY_MS = 5_000

const grouped = (n: number): string => Math.round(n).toLocaleString('en-US')

/** A line now and then: how far, how fast, how many faults, and the seed to do it again. */
export function progress(
  tally: Tally,
  of: { readonly operations: number; readonly seed: number },
  say: (line: string) => void,
): { stop(): void } {
  let before = tally.operations
  const timer = setInterval(() => {
    const perSecond = ((tally.operations - before) * 1_000) / EVERY_MS
    before = tally.operations
    say(
      `  ${grouped(tally.operations)} of ${grouped(of.operations)} · ${grouped(perSecond)}/s` +
        ` · ${grouped(tally.faultsTotal)} faults · seed ${of.seed}`,
    )
  }, EVERY_MS)
  return { stop: () => clearInterval(timer) }
}

export interface End {
  readonly seconds: number
  readonly seed: number
  readonly failure: string | null
  readonly findings: readonly string[]
}

const FINDINGS_SHOWN = 20

/** Everything that came up, and how it ended. */
export function summary(tally: Tally, end: End): string {
  const perSecond = tally.operations / end.seconds
  return [
    '',
    ...table('answers', tally.outcomes),
    '',
    ...table('faults', tally.faults),
    '',
    `${grouped(tally.operations)} operations in ${grouped(end.seconds)} s (${grouped(perSecond)}/s),` +
      ` ${grouped(tally.faultsTotal)} faults, seed ${end.seed}`,
    end.findings.length === 0 ? 'verify: clean' : `verify: ${end.findings.length} findings`,
    ...end.findings.slice(0, FINDINGS_SHOWN).map((found) => `  ${found}`),
    end.failure === null ? 'every answer was the model’s' : `FAILED: ${end.failure}`,
  ].join('\n')
}

function table(name: string, counts: ReadonlyMap<string, number>): string[] {
  const rows = [...counts].toSorted(([, one], [, other]) => other - one)
  const width = Math.max(name.length, ...rows.map(([what]) => what.length))
  return [name, ...rows.map(([what, n]) => `  ${what.padEnd(width)}  ${grouped(n).padStart(11)}`)]
}
