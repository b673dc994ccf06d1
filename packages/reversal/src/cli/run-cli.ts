import { ReversalError } from '../errors.ts'
import type { Reversal } from '../create-reversal.ts'
import type { RunResult } from '../run-result.ts'
import { exitCodeOf, exitCodes } from './exit-codes.ts'
import { loadConfig } from './load-config.ts'
import type { ReversalConfig } from './load-config.ts'
import { parseCommand } from './parse-command.ts'
import type { Command } from './parse-command.ts'
import { massReversalText, progressText, reportText, runText } from './print.ts'
import { usage } from './usage.ts'

/** Where the command writes and what stops it; the process' own by default. */
export interface CliContext {
  /** One line for standard output. */
  readonly print?: ((line: string) => void) | undefined
  /** One line for standard error. */
  readonly complain?: ((line: string) => void) | undefined
  /** Stops `run` and `watch` after the rows that are being resolved. */
  readonly signal?: AbortSignal | undefined
}

type WorkCommand = Exclude<Command, { readonly name: 'help' }>

interface Io {
  readonly print: (line: string) => void
  readonly complain: (line: string) => void
  readonly signal: AbortSignal | undefined
}

/**
 * Runs the command `payflow-reversal` inside this process and resolves with its exit code. Never
 * rejects: what goes wrong is written to `complain` and told by the code.
 */
export async function runCli(args: readonly string[], context: CliContext = {}): Promise<number> {
  const io: Io = {
    print: context.print ?? ((line: string) => void process.stdout.write(`${line}\n`)),
    complain: context.complain ?? ((line: string) => void process.stderr.write(`${line}\n`)),
    signal: context.signal,
  }
  const command = parseCommand(args)
  if ('fault' in command) {
    io.complain(`payflow-reversal: ${command.fault}\n\n${usage}`)
    return exitCodes.usage
  }
  if (command.name === 'help') {
    io.print(usage)
    return exitCodes.ok
  }
  try {
    const config = await loadConfig(command.config)
    try {
      return await execute(command, config.reversal, io)
    } finally {
      await close(config, io)
    }
  } catch (error) {
    io.complain(`payflow-reversal: ${messageOf(error)}`)
    return isWrongUsage(error) ? exitCodes.usage : exitCodes.unavailable
  }
}

async function execute(command: WorkCommand, reversal: Reversal, io: Io): Promise<number> {
  switch (command.name) {
    case 'report': {
      const report = await reversal.report({ limit: command.limit })
      io.print(command.json ? JSON.stringify(report) : reportText(report))
      return exitCodes.ok
    }
    case 'run': {
      const { onMassReversal } = command
      const result = await reversal.run({
        signal: io.signal,
        onMassReversal,
        // Not on standard output, which is the result's alone.
        onProgress: (progress) => io.complain(`payflow-reversal: ${progressText(progress)}`),
      })
      tell(result, command.json, io)
      return exitCodeOf(result, command.tolerateMassReversal)
    }
    case 'watch': {
      await reversal.watch({
        intervalMs: command.intervalMs,
        signal: io.signal,
        onRun: (result) => tell(result, command.json, io),
        onRunFailed: (error) => io.complain(`payflow-reversal: ${messageOf(error)}`),
      })
      return exitCodes.ok
    }
    default:
      return command satisfies never
  }
}

function tell(result: RunResult, json: boolean, io: Io): void {
  const { massReversal } = result
  if (massReversal !== undefined) {
    const action = massReversal.action === 'pause' ? 'nothing was decided' : 'it went on'
    io.complain(`payflow-reversal: ${massReversalText(massReversal, action)}`)
  }
  io.print(json ? JSON.stringify(result) : runText(result))
}

async function close(config: ReversalConfig, io: Io): Promise<void> {
  try {
    await config.close?.()
  } catch (error) {
    // The work is done and its code is known; a pool that won't close must not change it.
    io.complain(`payflow-reversal: closing failed: ${String(error)}`)
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

function isWrongUsage(error: unknown): boolean {
  if (ReversalError.is(error)) return !error.retryable
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  return code === 'ERR_MODULE_NOT_FOUND'
}
