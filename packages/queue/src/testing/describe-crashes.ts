import { crashAt } from './crash-at.ts'
import type { CrashOptions, CrashScenario } from './crash-at.ts'
import type { TestRunner } from './test-runner.ts'

/** Options of {@link describeCrashes}. */
export interface DescribeCrashesOptions extends CrashOptions {
  /** Points to die at, one test for each; see `failpoints`. */
  readonly points: readonly string[]
  /** Makes what one test needs: a queue and rows of its own. */
  readonly begin: (point: string) => Promise<CrashScenario>
}

/**
 * Tests a worker of yours: killed at each point of a message's life, it must leave its effects behind
 * exactly once. One test a point, each with {@link crashAt}.
 *
 * Give your runner a time limit above two and a half times `timeoutMs`.
 *
 * @param runner - `describe` and `it` of the test runner that runs this file.
 */
export function describeCrashes(
  name: string,
  options: DescribeCrashesOptions,
  runner: TestRunner,
): void {
  const { points, begin } = options
  runner.describe(name, () => {
    for (const point of points) {
      runner.it(`has its effects once when it is killed at ${point}`, async () => {
        await crashAt(point, await begin(point), options)
      })
    }
  })
}
