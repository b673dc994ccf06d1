/**
 * Tests for stores and middlewares of your own, in any test runner.
 *
 * @packageDocumentation
 */
export { describeMiddleware } from './describe-middleware.ts'
export { describeStore } from './describe-store.ts'
export { faultProxy } from './fault-proxy.ts'
export type { FaultProxy } from './fault-proxy.ts'
export { faultyStore } from './faulty-store.ts'
export type { HeldCall, StoreFaults, StoreVerb } from './faulty-store.ts'
export type {
  ContractAnswer,
  ContractHandler,
  MiddlewareServer,
  StartMiddleware,
} from './middleware/clause.ts'
export { acquire, claimRequest } from './store/clause.ts'
export type { TestRunner } from './test-runner.ts'
