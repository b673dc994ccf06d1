/**
 * The two functions of a test runner that the suites use: those of vitest, Jest, Mocha or
 * `node:test`. What a suite finds wrong it throws as an `AssertionError` of `node:assert`.
 */
export interface TestRunner {
  readonly describe: (title: string, body: () => void) => unknown
  readonly it: (title: string, body: () => Promise<void>) => unknown
}
