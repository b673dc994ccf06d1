import { answerClauses } from './middleware/answers.ts'
import type { MiddlewareClause, StartMiddleware } from './middleware/clause.ts'
import { executionClauses } from './middleware/execution.ts'
import { keyClauses } from './middleware/keys.ts'
import type { TestRunner } from './test-runner.ts'

const contract: Readonly<Record<string, readonly MiddlewareClause[]>> = {
  execution: executionClauses,
  answers: answerClauses,
  keys: keyClauses,
}

/**
 * Tests a middleware of your own over HTTP, for any framework: one test for each clause, each with
 * a server of its own. `idempotent()` of the entry point `./express` passes the same ones.
 *
 * Does not kill the server nor its store; and knows nothing of streams, compression and large
 * bodies, which are different in each framework.
 *
 * @param start - Starts a server with the given handler behind the middleware. See
 * {@link StartMiddleware} for what the server must do.
 * @param runner - `describe` and `it` of the test runner that runs this file.
 */
export function describeMiddleware(name: string, start: StartMiddleware, runner: TestRunner): void {
  for (const [part, clauses] of Object.entries(contract)) {
    runner.describe(`${name}: ${part}`, () => {
      for (const { title, check } of clauses) runner.it(title, () => check(start))
    })
  }
}
