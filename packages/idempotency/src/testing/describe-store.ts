import type { IdempotencyStore } from '../store.ts'
import { checkpointClauses } from './store/checkpoint.ts'
import { claimClauses } from './store/claim.ts'
import type { StoreClause } from './store/clause.ts'
import { completeClauses } from './store/complete.ts'
import { inspectClauses } from './store/inspect.ts'
import { markClauses } from './store/mark.ts'
import { forgetClauses, listClauses, resolveClauses } from './store/operator.ts'
import { releaseClauses } from './store/release.ts'
import { renewClauses } from './store/renew.ts'
import type { TestRunner } from './test-runner.ts'

/** What every store must do, by verb. */
const contract: Readonly<Record<string, readonly StoreClause[]>> = {
  claim: claimClauses,
  renew: renewClauses,
  mark: markClauses,
  checkpoint: checkpointClauses,
  complete: completeClauses,
  release: releaseClauses,
  inspect: inspectClauses,
  listIndeterminate: listClauses,
  resolve: resolveClauses,
  forget: forgetClauses,
}

/**
 * Tests a store of your own against the contract of {@link IdempotencyStore}, one test for each
 * clause; `redisStore` and `memoryStore` pass the same ones. Takes about a second: leases of 30 ms
 * lapse by the store's own clock.
 *
 * Does not cut the store off from its server, nor restart it: that needs the server.
 *
 * @param makeStore - Called for each test; the stores may be one and the same, every test uses ids
 * of its own. Close them in your runner's own hook.
 * @param runner - `describe` and `it` of the test runner that runs this file.
 */
export function describeStore(
  name: string,
  makeStore: () => IdempotencyStore | Promise<IdempotencyStore>,
  runner: TestRunner,
): void {
  for (const [verb, clauses] of Object.entries(contract)) {
    runner.describe(`${name}: ${verb}`, () => {
      for (const { title, check } of clauses) {
        runner.it(title, async () => check(await makeStore()))
      }
    })
  }
}
