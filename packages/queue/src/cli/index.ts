/**
 * The command `payflow-queue` as a function, for programs that want to be it.
 *
 * @packageDocumentation
 */
export { exitCodes } from './exit-codes.ts'
export type { QueueConfig, QueueConfigExport } from './load-config.ts'
export { runCli } from './run-cli.ts'
export type { CliContext } from './run-cli.ts'
