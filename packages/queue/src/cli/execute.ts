import type { RedriveProgress } from '../operator/types.ts'
import type { Bus } from '../types.ts'
import { exitCodes } from './exit-codes.ts'
import type { Command } from './parse-command.ts'
import {
  depthText,
  detailJson,
  detailText,
  parkedText,
  planText,
  reconciliationText,
  redriveText,
  rowsText,
} from './print.ts'

/** What a command works with besides the bus. */
export interface Io {
  readonly print: (line: string) => void
  readonly complain: (line: string) => void
  readonly confirm: ((question: string) => Promise<boolean>) | undefined
  readonly signal: AbortSignal | undefined
}

type WorkCommand = Exclude<Command, { readonly name: 'help' }> & { readonly json: boolean }
type Named<N extends WorkCommand['name']> = Extract<WorkCommand, { readonly name: N }>

const PROGRESS_MS = 2_000

/** Runs one command and says how it went by its exit code. */
export async function execute(command: WorkCommand, bus: Bus, io: Io): Promise<number> {
  const each = (values: readonly object[], text: string): number => {
    if (command.json) for (const value of values) io.print(JSON.stringify(value))
    else io.print(text)
    return exitCodes.ok
  }
  switch (command.name) {
    case 'depth':
      return await depth(command, bus, each)
    case 'parked list': {
      const { queue, where, limit } = command
      const page = await patiently(io, () => 'looking', bus.parked(queue).list({ where, limit }))
      return each(page.messages, parkedText(page.messages))
    }
    case 'parked inspect':
      return await inspect(command, bus, io, each)
    case 'parked redrive':
      return await redrive(command, bus, io, each)
    case 'outbox parked': {
      const rows = await bus.outboxParked().list({ where: command.where, limit: command.limit })
      return each(rows, rowsText(rows))
    }
    case 'outbox requeue':
      return await requeue(command, bus, io, each)
    case 'topology plan': {
      const plan = await patiently(io, () => 'asking the broker', bus.topology.plan())
      each([plan], planText(plan))
      return plan.applicable ? exitCodes.ok : exitCodes.refused
    }
    case 'topology apply':
      await patiently(io, () => 'declaring', bus.topology.apply())
      return each([{ applied: true }], 'applied')
    case 'reconcile': {
      const found = await patiently(io, () => 'counting', bus.reconcile())
      each([found], reconciliationText(found))
      return found.balanced ? exitCodes.ok : exitCodes.unbalanced
    }
    case 'sweep': {
      const { retentionMs } = command
      const swept = await patiently(
        io,
        () => 'sweeping',
        bus.sweep({ retentionMs, signal: io.signal }),
      )
      const { inboxRows, attemptRows } = swept
      return each([swept], `${inboxRows} ids and ${attemptRows} counts of attempts forgotten`)
    }
    default:
      return command satisfies never
  }
}

type Each = (values: readonly object[], text: string) => number

async function depth(command: Named<'depth'>, bus: Bus, each: Each): Promise<number> {
  const queues = [...command.queues]
  if (queues.length === 0) {
    const { steps } = await bus.topology.plan()
    for (const { kind, name, state } of steps) {
      if (kind === 'queue' && state !== 'create') queues.push(name)
    }
  }
  const depths = await Promise.all(queues.map((queue) => bus.queueDepth(queue)))
  const outbox = await bus.outboxDepth()
  return each([...depths, { outbox }], depthText(depths, outbox))
}

async function inspect(
  { queue, id, body }: Named<'parked inspect'>,
  bus: Bus,
  io: Io,
  each: Each,
): Promise<number> {
  const message = await patiently(io, () => 'looking', bus.parked(queue).inspect(id))
  if (message === undefined) {
    io.complain(`payflow-queue: ${id} is not parked there`)
    return exitCodes.absent
  }
  return each([detailJson(message, body)], detailText(message, body))
}

async function redrive(
  command: Named<'parked redrive'>,
  bus: Bus,
  io: Io,
  each: Each,
): Promise<number> {
  const { queue, where, limit, ratePerS, reason, actor, force, maxParkedAgainRatio } = command
  const { dryRun } = command
  const parked = bus.parked(queue)
  const options = { where, limit, ratePerS, reason, actor, force, maxParkedAgainRatio }
  if (!dryRun && !command.yes) {
    const { moved, refused } = await parked.redrive({ ...options, dryRun: true })
    const left = refused === 0 ? '' : `, leaving ${refused} the inbox may have forgotten`
    const question = `Send ${moved} messages back into ${queue}${left}?`
    const stop = await asked(io, question)
    if (stop !== undefined) return stop
  }
  let last: RedriveProgress | undefined
  const said = (): string => `${last?.moved ?? 0} sent back, ${last?.parkedAgain ?? 0} parked again`
  const onProgress = (progress: RedriveProgress): void => void (last = progress)
  const work = parked.redrive({ ...options, dryRun, signal: io.signal, onProgress })
  const result = await patiently(io, said, work)
  each([result], redriveText(result, dryRun))
  return result.outcome === 'done' && result.refused === 0 ? exitCodes.ok : exitCodes.refused
}

async function requeue(
  command: Named<'outbox requeue'>,
  bus: Bus,
  io: Io,
  each: Each,
): Promise<number> {
  const { where, limit, reason, actor, dryRun } = command
  const options = { where, limit, reason, actor }
  const rows = bus.outboxParked()
  if (!dryRun && !command.yes) {
    const { moved } = await rows.requeue({ ...options, dryRun: true })
    const stop = await asked(io, `Give ${moved} rows of the outbox back to the relays?`)
    if (stop !== undefined) return stop
  }
  const result = await rows.requeue({ ...options, dryRun })
  return each([result], `${result.moved} ${dryRun ? 'would be' : 'were'} given back to the relays`)
}

/** `undefined` when the answer was yes, else the exit code. */
async function asked(io: Io, question: string): Promise<number | undefined> {
  if (io.confirm === undefined) {
    io.complain(
      `payflow-queue: ${question} Nobody can answer here: say --yes, or --dry-run to look`,
    )
    return exitCodes.usage
  }
  if (await io.confirm(question)) return undefined
  io.complain('payflow-queue: nothing was changed')
  return exitCodes.refused
}

/** Says every two seconds that it goes on, and how far it is. */
async function patiently<T>(io: Io, said: () => string, work: Promise<T>): Promise<T> {
  const startedAt = performance.now()
  const timer = setInterval(() => {
    const seconds = Math.round((performance.now() - startedAt) / 1_000)
    io.complain(`… ${said()} (${seconds} s)`)
  }, PROGRESS_MS)
  try {
    return await work
  } finally {
    clearInterval(timer)
  }
}
