import { mkdirSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { findSpin } from '@payflow/testkit'
import type { Check } from './checks.ts'
import { programFolder } from './program-folder.ts'
import { runSpin, type Finding } from './spin.ts'

/** A check with what came of it. */
export interface Outcome extends Finding {
  readonly check: Check
  /** Whether that is what must be: everything holds, or the flaw was found. */
  readonly asExpected: boolean
}

export interface CheckSpecOptions {
  /** The most memory one search may take; beyond it the search fails. @defaultValue 2_000 */
  readonly memoryMb?: number
  readonly onStart?: (check: Check) => void
  readonly onEnd?: (outcome: Outcome) => void
  readonly announce?: (line: string) => void
}

/** Runs the checks, two side by side at most; their outcomes are in the order of the checks. */
export async function checkSpec(
  checks: readonly Check[],
  { memoryMb = 2_000, onStart, onEnd, announce }: CheckSpecOptions = {},
): Promise<readonly Outcome[]> {
  const tools = await findSpin(announce)
  const base = programFolder()
  const outcomes: Outcome[] = []
  const waiting = [...checks.entries()]
  const lane = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const [position, check] = next
      onStart?.(check)
      const folder = join(base, String(position))
      mkdirSync(folder)
      const finding = await runSpin(check, { tools, folder, memoryMb })
      const outcome = { ...finding, check, asExpected: finding.broken?.property === check.breaks }
      outcomes[position] = outcome
      onEnd?.(outcome)
    }
  }
  await Promise.all(Array.from({ length: Math.min(2, availableParallelism()) }, lane))
  return outcomes
}
