/*
 * Four kinds of test, told apart by their file name:
 *   *.test.ts                          unit         no servers, milliseconds
 *   *.integration|property.test.ts     integration  real PostgreSQL, Redis, RabbitMQ
 *   *.crash.test.ts                    crash        real servers, child processes killed at named points
 *   *.e2e.test.ts                      e2e          every process of PayFlow
 * The ledger's second kind runs once more on PostgreSQL 18 (ledger-pg18): the others use what the machine
 * has, which in CI is 15, the oldest that is supported.
 */
import { defineConfig } from 'vitest/config'

const ignored = ['**/node_modules/**', '**/dist/**']
const withServers = ['**/*.integration.test.ts', '**/*.property.test.ts']
const withCrashes = ['**/*.crash.test.ts']
const endToEnd = ['**/*.e2e.test.ts']

// Packages are used from their sources. `resolve.conditions` has no effect here, and a list that
// names `import` would make the CommonJS `pg` load an ESM pool.
const shared = { ssr: { resolve: { conditions: ['@payflow/source'] } } }
const servers = {
  globalSetup: ['@payflow/testkit/global-setup'],
  setupFiles: ['@payflow/testkit/setup'],
}

// Time limits are for what hangs: on a busy machine anything else may take long. `poll` has 1 s.
const patience = { expect: { poll: { timeout: 60_000 } } }

// `npm test` asks for it, CI with it. vitest alone leaves it out, for whoever is writing a test.
const onPostgres18 = process.env['PAYFLOW_TEST_POSTGRES_18'] === '1'

export default defineConfig({
  test: {
    projects: [
      {
        ...shared,
        test: {
          name: 'unit',
          include: ['**/*.test.ts'],
          exclude: [...ignored, ...withServers, ...withCrashes, ...endToEnd],
          ...patience,
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        ...shared,
        test: {
          name: 'integration',
          include: withServers,
          exclude: ignored,
          ...servers,
          ...patience,
          testTimeout: 120_000,
          hookTimeout: 240_000,
        },
      },
      ...(onPostgres18
        ? [
            {
              ...shared,
              test: {
                name: 'ledger-pg18',
                include: withServers.map((files) => `packages/ledger/test/${files}`),
                exclude: ignored,
                ...servers,
                ...patience,
                testTimeout: 120_000,
                hookTimeout: 240_000,
              },
            },
          ]
        : []),
      {
        ...shared,
        test: {
          name: 'crash',
          include: withCrashes,
          exclude: ignored,
          ...servers,
          // Processes are killed and started again all the time: one file after another keeps the
          // deadlines meaningful on two cores.
          fileParallelism: false,
          ...patience,
          testTimeout: 300_000,
          hookTimeout: 240_000,
        },
      },
      {
        ...shared,
        test: {
          name: 'e2e',
          // A few users make thousands of payments from one address.
          env: { PAYFLOW_RATE_LIMITS: 'off' },
          include: endToEnd,
          exclude: ignored,
          ...servers,
          fileParallelism: false,
          ...patience,
          testTimeout: 600_000,
          hookTimeout: 300_000,
        },
      },
    ],
  },
})
