import type { Tally } from './tally.ts'
import type { Verdict } from './verdict.ts'

const EVERY_MS = 5_000

const grouped = (n: number): string => Math.round(n).toLocaleString('en-US')

/** A line now and then: how far, how fast, how many faults, and the seed to do it again. */
export function progress(
  tally: Tally,
  of: { readonly payments: number; readonly seed: number },
  say: (line: string) => void,
): { stop(): void } {
  let before = 0
  const timer = setInterval(() => {
    const perSecond = ((tally.settled - before) * 1_000) / EVERY_MS
    before = tally.settled
    say(
      `  ${grouped(tally.settled)} of ${grouped(of.payments)} payments · ${grouped(perSecond)}/s` +
        ` · ${grouped(tally.faultsTotal)} faults · seed ${of.seed}`,
    )
  }, EVERY_MS)
  return { stop: () => clearInterval(timer) }
}

/** Everything that came up, and what became of the payments. */
export function summary(
  tally: Tally,
  verdict: Verdict,
  end: { readonly seconds: number; readonly seed: number; readonly isGuarded: boolean },
): string {
  const { paidTwice, paidNever, contradicted, payments, unsettled } = verdict
  return [
    '',
    ...table('answers', tally.answers),
    '',
    ...table('faults', tally.faults),
    '',
    ...table('payments by their effects', verdict.byEffects),
    ...(verdict.unknown.size === 0
      ? []
      : ['', ...table('told that nobody knows, by their effects', verdict.unknown)]),
    '',
    `${grouped(payments)} payments ${end.isGuarded ? 'with' : 'WITHOUT'} the guard in` +
      ` ${grouped(end.seconds)} s, ${grouped(tally.faultsTotal)} faults, seed ${end.seed}:`,
    `  ${grouped(paidTwice)} paid more than once, ${grouped(paidNever)} answered but not paid,` +
      ` ${grouped(contradicted)} answered in two ways, ${grouped(unsettled)} without an answer`,
  ].join('\n')
}

function table(name: string, counts: ReadonlyMap<string | number, number>): string[] {
  const rows = [...counts].toSorted(([, one], [, other]) => other - one)
  const width = Math.max(name.length, ...rows.map(([what]) => String(what).length))
  const line = ([what, n]: [string | number, number]): string =>
    `  ${String(what).padEnd(width)}  ${grouped(n).padStart(11)}`
  return [name, ...rows.map(line)]
}
