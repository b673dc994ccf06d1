// A run that takes minutes, in a process of its own that looks at itself four times a second: is its
// memory flat, does its rate hold? The child's side is long-run-child.ts.
import { type Child, spawnChild } from '@payflow/testkit'
import type { Context } from './context.ts'
import type { Sample } from './long-run-child.ts'
import { atMost, type Claim, type Row } from './result.ts'
import { quantile, spread } from './stats.ts'

const PARTS = 10
const TIMEOUT_MS = 7_200_000

/** Runs the file with these settings, says how far it is, and answers its report. */
export async function runLong<Report extends { readonly samples: readonly Sample[] }>(
  context: Context,
  entry: URL,
  settings: object,
  word: string,
): Promise<Report> {
  await using child = await spawnChild(entry, { env: { SETTINGS: JSON.stringify(settings) } })
  const telling = tell(context, child, word)
  const report = await child.message<Report>((m) => m.samples !== undefined, {
    timeoutMs: TIMEOUT_MS,
  })
  child.send({ read: true })
  await telling
  return report
}

async function tell(context: Context, child: Child, word: string): Promise<void> {
  for (;;) {
    try {
      const { done } = await child.message<{ done: number }>((m) => m.done !== undefined, {
        timeoutMs: TIMEOUT_MS,
      })
      context.say(`${done} ${word}`)
    } catch {
      return // it has ended
    }
  }
}

/**
 * The rate of each tenth of the work; of all of it where it was gone before a tenth of it was looked
 * at twice.
 */
export function ratesOf(samples: readonly Sample[], count: number): number[] {
  const parts = [...tenths(samples, count).values()]
  return parts.length === 0 ? [rateOf(samples)] : parts.map(rateOf)
}

/** The looks at each tenth of the work, by its number from 0; tenths looked at twice or more. */
function tenths<T extends Sample>(samples: readonly T[], count: number): Map<number, readonly T[]> {
  const parts = Array.from({ length: PARTS }, (_, index): [number, readonly T[]] => [
    index,
    samples.filter(
      ({ done }) => done > (count * index) / PARTS && done <= (count * (index + 1)) / PARTS,
    ),
  ])
  return new Map(parts.filter(([, part]) => part.length > 1))
}

function rateOf(samples: readonly Sample[]): number {
  const [first, last] = [samples[0], samples.at(-1)]
  if (first === undefined || last === undefined || last.seconds === first.seconds) return 0
  return (last.done - first.done) / (last.seconds - first.seconds)
}

/** Rows for resident memory and heap. */
export const memoryRows = (samples: readonly Sample[]): Row[] => [
  { case: 'resident memory', unit: 'MB', ...spread(samples.map(({ rssMb }) => rssMb)) },
  { case: 'heap in use', unit: 'MB', ...spread(samples.map(({ heapMb }) => heapMb)) },
]

/**
 * Whether memory stayed flat: the last tenth over the second one, the first being warm-up. A run too
 * short to look at both twice proves nothing about memory: it gets neither row nor claim.
 */
export function flatMemory(
  samples: readonly Sample[],
  count: number,
  claim: { readonly id: string; readonly what: string },
): { readonly rows: readonly Row[]; readonly claims: readonly Claim[] } {
  const parts = tenths(samples, count)
  const [second, last] = [parts.get(1), parts.get(PARTS - 1)]
  if (second === undefined || last === undefined) return { rows: [], claims: [] }
  const growth = middleRss(last) / middleRss(second)
  return {
    rows: [{ case: 'memory, last tenth ÷ second tenth', unit: '×', ...spread([growth]) }],
    claims: [atMost(claim.id, 1.25, growth, claim.what)],
  }
}

const middleRss = (samples: readonly Sample[]): number =>
  quantile(
    samples.map(({ rssMb }) => rssMb).toSorted((a, b) => a - b),
    0.5,
  )
