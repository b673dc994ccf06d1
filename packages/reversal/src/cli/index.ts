/**
 * The command `payflow-reversal` as a function, for programs that want to be it: with their own
 * signals, logs and metrics around it.
 *
 * @packageDocumentation
 */
export { exitCodes } from './exit-codes.ts'
export type { ReversalConfig, ReversalConfigExport } from './load-config.ts'
export { runCli } from './run-cli.ts'
export type { CliContext } from './run-cli.ts'
