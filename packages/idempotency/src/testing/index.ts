/**
 * Tests for stores and middlewares of your own, in any test runner.
 *
 * @packageDocumentation
 */
export { describeStore } from './describe-store.ts'
export { acquire, claimRequest } from './store/clause.ts'
export type { TestRunner } from './test-runner.ts'
