/**
 * The command `payflow-idempotency` as a function, for programs that want to be it.
 *
 * @packageDocumentation
 */
export { exitCodes } from './exit-codes.ts'
export type { IdempotencyConfig, IdempotencyConfigExport } from './load-config.ts'
export { runCli } from './run-cli.ts'
export type { CliContext } from './run-cli.ts'
