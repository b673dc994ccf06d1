/**
 * Tests of your own handlers and workers, in any test runner.
 *
 * @packageDocumentation
 */
export { crashAt } from './crash-at.ts'
export type { CrashOptions, CrashScenario } from './crash-at.ts'
export { describeCrashes } from './describe-crashes.ts'
export type { DescribeCrashesOptions } from './describe-crashes.ts'
export { failpoint, failpoints } from './failpoint.ts'
export { memoryBroker } from './memory-broker.ts'
export type { MemoryBroker, WaitingMessage } from './memory-broker.ts'
export type { TestRunner } from './test-runner.ts'
