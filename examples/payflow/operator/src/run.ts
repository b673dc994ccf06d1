import { createInterface } from 'node:readline/promises'
import { QueueError } from '@payflow/queue'
import { Command, CommanderError } from 'commander'
import type { CommandContext } from './commands/context.ts'
import { queueDepth } from './commands/depth.ts'
import { parked } from './commands/parked.ts'
import { payment } from './commands/payment.ts'
import { redrive, type RedriveRequest } from './commands/redrive.ts'
import { verify } from './commands/verify.ts'
import { CommandError, exitCodes } from './exit-codes.ts'
import { findPlaces, placeVariables } from './places.ts'
import { createPrinter } from './print/printer.ts'
import { openStores } from './stores.ts'

const after = `
Where PayFlow is:
  By itself it finds the one that npm start runs here (.payflow/stack.json; --dir or PAYFLOW_DIR for
  another folder). Elsewhere these say it, all four:
    ${Object.values(placeVariables).join('\n    ')}
  The logins must be allowed to read the tables of their database. Only redrive writes: it leaves a
  row in queue.operator_action.

Exit codes:
  0  done or shown, and nothing is wrong
  1  a database or the broker gave no answer; worth trying again
  2  the command line is wrong, or nothing says where PayFlow is
  3  not everything was done, and what was printed says why
  4  there is no such payment or message
  5  the books, or the stores about one payment, contradict each other

Colours are for terminals only; NO_COLOR switches them off. --json is for programs.`

type Work = (context: CommandContext) => Promise<number>

interface GlobalOptions {
  readonly dir?: string
  readonly json?: boolean
}

/** Runs `payflow` with these arguments and returns its exit code. */
export async function run(args: readonly string[]): Promise<number> {
  let exitCode: number = exitCodes.ok
  const program = programOf(async (options, work) => {
    exitCode = await execute(options, work)
  })
  try {
    await program.parseAsync([...args], { from: 'user' })
    return exitCode
  } catch (error) {
    if (!(error instanceof CommanderError)) return complain(error)
    // Commander has printed what was wrong, or the help that was asked for.
    return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage
  }
}

type Execute = (options: GlobalOptions, work: Work) => Promise<void>

function programOf(executes: Execute): Command {
  const program = new Command('payflow')
    .description(
      'Looks into a running PayFlow, puts right what was given up, and verifies its books.',
    )
    .option('--dir <folder>', 'the folder of a PayFlow that runs on this machine')
    .option('--json', 'print JSON, for programs')
    .addHelpText('after', after)
    .exitOverride()
    .showHelpAfterError('(payflow --help says more)')
  const work = (command: Command, doing: Work) => executes(command.optsWithGlobals(), doing)
  program
    .command('queue')
    .description('the queues')
    .command('depth')
    .description('what waits in each queue, who takes from it, how fast, and since when')
    .action((_options, command: Command) => work(command, queueDepth))
  program
    .command('parked')
    .description('messages that were given up: why, after how many attempts, about what')
    .action((_options, command: Command) => work(command, parked))
  program
    .command('redrive')
    .description('send parked messages back to their queue, under their old ids')
    .argument('[ids...]', 'ids of messages, or of the payments they are about')
    .option('--all', 'all that is parked', false)
    .option('--queue <queue>', 'only what was parked from this queue')
    .option('--because <reason>', 'why, for the record')
    .option('--as <name>', 'who, for the record (default: who is logged in here)')
    .option('--dry-run', 'only show what would be sent back', false)
    .option('--yes', 'do not ask', false)
    .option(
      '--force',
      'also what the inbox may have forgotten: its effects may happen twice',
      false,
    )
    .action((ids: string[], _options, command: Command) => {
      const options = command.opts<Omit<RedriveRequest, 'ids'>>()
      return work(command, (context) => redrive(context, { ...options, ids } as RedriveRequest))
    })
  program
    .command('payment')
    .description('the life of one payment across every service')
    .argument('<id>', 'its id, its Idempotency-Key, or the id of a message about it')
    .action((id: string, _options, command: Command) =>
      work(command, (context) => payment(context, id)),
    )
  program
    .command('verify')
    .description('whether the books of all services agree; exit code 5 when they do not')
    .action((_options, command: Command) => work(command, verify))
  return program
}

async function execute({ dir, json = false }: GlobalOptions, work: Work): Promise<number> {
  const interrupted = new AbortController()
  const interrupt = (): void => interrupted.abort(new Error('interrupted'))
  process.once('SIGINT', interrupt)
  try {
    await using stores = openStores(findPlaces(process.env, dir))
    const print = createPrinter({ out: process.stdout, err: process.stderr }, json)
    return await work({ stores, print, signal: interrupted.signal, confirm: terminal() })
  } catch (error) {
    if (interrupted.signal.aborted) {
      process.stderr.write('payflow: interrupted\n')
      return exitCodes.refused
    }
    return complain(error)
  } finally {
    process.off('SIGINT', interrupt)
  }
}

function terminal(): CommandContext['confirm'] {
  if (process.stdin.isTTY !== true) return undefined
  return async (question) => {
    const asking = createInterface({ input: process.stdin, output: process.stderr })
    try {
      return /^y(es)?$/i.test((await asking.question(`${question} [y/N] `)).trim())
    } finally {
      asking.close()
    }
  }
}

/** Says what went wrong and what to do, without a stack: whoever reads it wrote none of this. */
function complain(error: unknown): number {
  const message = error instanceof Error ? error.message : String(error)
  if (error instanceof CommandError) {
    process.stderr.write(`payflow: ${message}\n`)
    return error.exitCode
  }
  if (QueueError.is(error)) {
    process.stderr.write(`payflow: ${message} (${error.code})\n`)
    return error.retryable ? exitCodes.unavailable : exitCodes.refused
  }
  const code = codesOf(error).find((one) => hints[one] !== undefined)
  const hint = code === undefined ? undefined : hints[code]
  const text = message === '' ? (code ?? 'no answer') : message
  process.stderr.write(`payflow: ${text}${hint === undefined ? '' : `. ${hint}`}\n`)
  return exitCodes.unavailable
}

/** The codes of an error and of what caused it, the innermost first. */
function codesOf(error: unknown): string[] {
  if (!(error instanceof Error)) return []
  const { code } = error as { code?: unknown }
  return [...codesOf(error.cause), ...(typeof code === 'string' ? [code] : [])]
}

/** What errors of PostgreSQL and of the network ask for. */
const hints: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'Nobody listens there: is it running?',
  '42501': 'The login may not read that table: give it one that may (--help)',
  '42P01': 'A table is missing: is the database migrated?',
  '28P01': 'The password is not the right one',
}
