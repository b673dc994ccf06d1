import { userInfo } from 'node:os'
import type { RedriveOptions, RedriveResult } from '@payflow/queue'
import { CommandError, exitCodes } from '../exit-codes.ts'
import { WORK_QUEUES, type WorkQueue } from '../stores.ts'
import type { CommandContext } from './context.ts'
import { cellsOf, readParked, type ParkedRow } from './parked.ts'

/** What is sent back, and how. */
export interface RedriveRequest {
  /** Ids of messages, or of the payments they are about. */
  readonly ids: readonly string[]
  readonly all: boolean
  /** Only of this work queue. */
  readonly queue: string | undefined
  /** Why, for the record. */
  readonly because: string | undefined
  /** Who, for the record. @defaultValue who is logged in on this machine */
  readonly as: string | undefined
  readonly dryRun: boolean
  readonly yes: boolean
  readonly force: boolean
}

/** How the redrive of one queue ended. */
interface QueueRedrive extends RedriveResult {
  readonly queue: string
}

/**
 * `payflow redrive`: sends messages back to their work queue, under their old ids, so that whoever
 * has done their work knows them again. Shows what it is about to do, and asks.
 */
export async function redrive(context: CommandContext, request: RedriveRequest): Promise<number> {
  const { stores, print } = context
  checkRequest(request)
  const rows = chosen(await readParked(stores), request)
  if (rows.length === 0) {
    if (request.all) return nothingParked(context)
    throw new CommandError(
      exitCodes.absent,
      `nothing is parked under ${request.ids.join(', ')}. What is: payflow parked`,
    )
  }
  if (!print.json) print.table(rows.map((row) => cellsOf(row)))
  if (!request.dryRun && !request.yes) await ask(context, rows.length)
  const results: QueueRedrive[] = []
  for (const work of WORK_QUEUES) {
    const ids = rows.flatMap((row) => (row.queue === work.queue && row.id ? [row.id] : []))
    if (ids.length > 0) results.push(await redriveQueue(context, request, work, ids))
  }
  report(context, results, request.dryRun)
  const whole = results.every(({ outcome, refused }) => outcome === 'done' && refused === 0)
  const moved = results.reduce((sum, one) => sum + one.moved, 0)
  return whole && moved === rows.length ? exitCodes.ok : exitCodes.refused
}

function checkRequest({ ids, all, because, dryRun, queue }: RedriveRequest): void {
  const fault =
    all === ids.length > 0
      ? 'say which: one or more ids, or --all'
      : because === undefined && !dryRun
        ? "say why, for the record: --because 'the account was opened again'"
        : queue !== undefined && !WORK_QUEUES.some((work) => work.queue === queue)
          ? `there is no queue ${queue}: ${WORK_QUEUES.map((work) => work.queue).join(', ')}`
          : undefined
  if (fault !== undefined) throw new CommandError(exitCodes.usage, fault)
}

function chosen(rows: readonly ParkedRow[], { ids, all, queue }: RedriveRequest): ParkedRow[] {
  return rows.filter(
    ({ id = '', key = '', queue: of }) =>
      (queue === undefined || queue === of) && (all || ids.includes(id) || ids.includes(key)),
  )
}

function nothingParked({ print }: CommandContext): number {
  if (print.json) print.value([])
  else print.line('nothing is parked')
  return exitCodes.ok
}

async function ask({ confirm }: CommandContext, count: number): Promise<void> {
  const question = `Send ${count === 1 ? 'this message' : `these ${count} messages`} back?`
  if (confirm === undefined) {
    throw new CommandError(
      exitCodes.usage,
      `${question} Nobody can answer here: say --yes, or --dry-run to look`,
    )
  }
  if (!(await confirm(question))) throw new CommandError(exitCodes.refused, 'nothing was changed')
}

async function redriveQueue(
  { stores, print, signal }: CommandContext,
  { because, as, dryRun, force }: RedriveRequest,
  work: WorkQueue,
  ids: readonly string[],
): Promise<QueueRedrive> {
  const options: RedriveOptions = {
    where: { id: ids },
    limit: Math.max(1, ids.length),
    reason: because,
    actor: as ?? userInfo().username,
    dryRun,
    force,
    signal,
    onProgress: ({ moved, parkedAgain }) =>
      print.progress(`${work.queue}: ${moved} sent back, ${parkedAgain} parked again`),
  }
  const result = await stores.busOf(work).parked(work.queue).redrive(options)
  return { queue: work.queue, ...result }
}

function report(
  { print }: CommandContext,
  results: readonly QueueRedrive[],
  dryRun: boolean,
): void {
  if (print.json) {
    print.value(results)
    return
  }
  print.line()
  for (const { queue, moved, refused, parkedAgain, outcome } of results) {
    print.line(`${queue}: ${moved} ${dryRun ? 'would be sent back' : 'sent back'}`)
    if (refused > 0) {
      const why = 'the inbox may have forgotten whether they were done; --force does them anyway'
      print.line(print.warn(`  ${refused} left: ${why}`))
    }
    if (outcome === 'interrupted') print.line(print.warn('  interrupted; the rest is parked still'))
    if (outcome === 'parked-again') {
      const next = 'find out why first: payflow parked'
      print.line(print.bad(`  stopped: ${parkedAgain} were parked again; ${next}`))
    }
  }
}
