import { QueueError } from '../errors.ts'
import { errorText } from '../reporter.ts'
import { askOnTerminal } from './confirm.ts'
import { execute } from './execute.ts'
import type { Io } from './execute.ts'
import { exitCodes } from './exit-codes.ts'
import { loadConfig } from './load-config.ts'
import type { QueueConfig } from './load-config.ts'
import { parseCommand } from './parse-command.ts'
import { usage } from './usage.ts'

/** Where the command writes, whom it asks and what stops it; the process' own by default. */
export interface CliContext {
  /** One line for standard output. */
  readonly print?: ((line: string) => void) | undefined
  /** One line for standard error: faults, and progress every two seconds. */
  readonly complain?: ((line: string) => void) | undefined
  /** Somebody reads the output as it comes: text by default. */
  readonly terminal?: boolean | undefined
  /** Asks a question; `undefined` when nobody can answer, and then `--yes` is needed. */
  readonly confirm?: ((question: string) => Promise<boolean>) | undefined
  /** Ends a redrive between two messages, and a sweep between two statements. */
  readonly signal?: AbortSignal | undefined
}

/**
 * Runs the command `payflow-queue` inside this process and resolves with its exit code. Never rejects:
 * what goes wrong is written to `complain` and told by the code.
 */
export async function runCli(args: readonly string[], context: CliContext = {}): Promise<number> {
  const terminal = context.terminal ?? process.stdout.isTTY === true
  const io: Io = {
    print: context.print ?? ((line: string) => void process.stdout.write(`${line}\n`)),
    complain: context.complain ?? ((line: string) => void process.stderr.write(`${line}\n`)),
    confirm: context.confirm ?? askOnTerminal(),
    signal: context.signal,
  }
  const command = parseCommand(args)
  if ('fault' in command) {
    io.complain(`payflow-queue: ${command.fault}\n\n${usage}`)
    return exitCodes.usage
  }
  if (command.name === 'help') {
    io.print(usage)
    return exitCodes.ok
  }
  try {
    const config = await loadConfig(command.config)
    try {
      return await execute({ ...command, json: command.json ?? !terminal }, config.bus, io)
    } finally {
      await close(config, io)
    }
  } catch (error) {
    io.complain(`payflow-queue: ${explain(error)}`)
    return isWrongUsage(error) ? exitCodes.usage : exitCodes.unavailable
  }
}

async function close(config: QueueConfig, io: Io): Promise<void> {
  try {
    await config.bus.drain({ deadlineMs: 0 })
    await config.close?.()
  } catch (error) {
    // The work is done and its code is known; a connection that won't close must not change it.
    io.complain(`payflow-queue: closing failed: ${errorText(error)}`)
  }
}

/** What to look at first, where the error itself names only a socket. */
function explain(error: unknown): string {
  const text = errorText(error)
  if (QueueError.is(error)) return `${text} [${error.code}]`
  const { code } = error as { code?: unknown }
  if (code === 'ECONNREFUSED' || code === 'ENOTFOUND' || code === 'ETIMEDOUT') {
    return `the database can't be reached: ${text}. Is the address in the config module right?`
  }
  return text
}

function isWrongUsage(error: unknown): boolean {
  if (QueueError.is(error)) {
    return ['QUEUE_INVALID_OPTIONS', 'QUEUE_NOT_MIGRATED', 'QUEUE_DELIVERY_LIMIT'].includes(
      error.code,
    )
  }
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  return code === 'ERR_MODULE_NOT_FOUND'
}
