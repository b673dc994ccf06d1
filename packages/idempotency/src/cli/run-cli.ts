import { IdempotencyError } from '../errors.ts'
import type { Idempotency } from '../idempotency.ts'
import type { OperatorResult } from '../store.ts'
import { exitCodes } from './exit-codes.ts'
import { loadConfig } from './load-config.ts'
import type { IdempotencyConfig } from './load-config.ts'
import { parseCommand, usage } from './parse-command.ts'
import type { Command } from './parse-command.ts'
import { recordJson, recordText, resultText, summaryText } from './print.ts'

/** Where the command writes and what stops it; the process' own by default. */
export interface CliContext {
  /** One line for standard output. */
  readonly print?: ((line: string) => void) | undefined
  /** One line for standard error. */
  readonly complain?: ((line: string) => void) | undefined
  /** Ends `list` after the page it is at. */
  readonly signal?: AbortSignal | undefined
}

type WorkCommand = Exclude<Command, { readonly name: 'help' }>

interface Io {
  readonly print: (line: string) => void
  readonly complain: (line: string) => void
  readonly signal: AbortSignal | undefined
}

/**
 * Runs the command `payflow-idempotency` inside this process and resolves with its exit code. Never
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
    io.complain(`payflow-idempotency: ${command.fault}\n\n${usage}`)
    return exitCodes.usage
  }
  if (command.name === 'help') {
    io.print(usage)
    return exitCodes.ok
  }
  try {
    const config = await loadConfig(command.config)
    try {
      return await execute(command, config.idempotency, io)
    } finally {
      await close(config, io)
    }
  } catch (error) {
    io.complain(`payflow-idempotency: ${messageOf(error)}`)
    return isWrongUsage(error) ? exitCodes.usage : exitCodes.unavailable
  }
}

async function execute(
  command: WorkCommand,
  idempotency: Idempotency<unknown>,
  io: Io,
): Promise<number> {
  switch (command.name) {
    case 'list':
      return list(command.json, idempotency, io)
    case 'inspect': {
      const record = await idempotency.inspect({ id: command.id })
      if (record === undefined) {
        io.complain(`payflow-idempotency: ${command.id} is not there`)
        return exitCodes.absent
      }
      io.print(command.json ? JSON.stringify(recordJson(record)) : recordText(record))
      return exitCodes.ok
    }
    case 'resolve': {
      const { id, result, ifFence } = command
      return say(command, 'resolved', await idempotency.resolve({ id }, result, { ifFence }), io)
    }
    case 'forget': {
      const { id, ifStanding, ifFence } = command
      return say(
        command,
        'forgotten',
        await idempotency.forget({ id }, { ifStanding, ifFence }),
        io,
      )
    }
    default:
      return command satisfies never
  }
}

async function list(json: boolean, idempotency: Idempotency<unknown>, io: Io): Promise<number> {
  // A record that is moved while the server is walked may come twice.
  const seen = new Set<string>()
  let cursor: string | undefined
  do {
    const page = await idempotency.listIndeterminate({ cursor })
    for (const record of page.records) {
      if (seen.has(record.id)) continue
      seen.add(record.id)
      io.print(json ? JSON.stringify(record) : summaryText(record))
    }
    cursor = page.cursor
  } while (cursor !== undefined && io.signal?.aborted !== true)
  return exitCodes.ok
}

function say(
  command: { readonly id: string; readonly json: boolean },
  verb: string,
  result: OperatorResult,
  io: Io,
): number {
  const { id, json } = command
  io.print(json ? JSON.stringify({ id, ...result }) : resultText(verb, id, result))
  if (result.outcome === 'done') return exitCodes.ok
  return result.outcome === 'absent' ? exitCodes.absent : exitCodes.refused
}

async function close(config: IdempotencyConfig, io: Io): Promise<void> {
  try {
    await config.close?.()
  } catch (error) {
    // The work is done and its code is known; a connection that won't close must not change it.
    io.complain(`payflow-idempotency: closing failed: ${String(error)}`)
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

function isWrongUsage(error: unknown): boolean {
  if (IdempotencyError.is(error)) return !error.retryable
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  return code === 'ERR_MODULE_NOT_FOUND'
}
