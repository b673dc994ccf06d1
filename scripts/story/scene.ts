import { QUEUES } from '@payflow-app/contracts'
import type { Payment, User } from '@payflow-app/e2e'
import type { DatabaseName } from '@payflow-app/stack'
import { isAlive, waitFor } from '@payflow/testkit'
import { short, type Page, type Row } from './page.ts'
import type { Stage } from './stage.ts'
import type { LogLine, QueueDepth, Witness } from './witness.ts'

/** Everybody and everything an act needs. */
export interface Scene {
  readonly page: Page
  readonly stage: Stage
  readonly witness: Witness
  readonly customer: User
  readonly recipient: User
}

/** A payment that was made on stage. */
export interface StoryPayment {
  readonly id: string
  /** The Idempotency-Key it was asked for under. */
  readonly key: string
  readonly amount: number
  /** What the gateway answered. */
  readonly answer: Payment
  /** Of the message that orders it. */
  readonly messageId: string
}

/** Runs a statement and prints it with its rows; ids in it are printed short. */
export async function ask(
  { page, witness }: Scene,
  database: DatabaseName,
  statement: string,
  id: string,
): Promise<readonly Row[]> {
  const rows = await witness.sql(database, statement, [id])
  page.command(`payflow_${database}=>`, statement.replaceAll('$1', `'${short(id)}'`))
  page.rows(rows)
  return rows
}

/** Prints how the workers' queue is. */
export function showDepth({ page }: Scene, { waiting, consumers }: QueueDepth): void {
  page.command('rabbitmq>', `queue ${QUEUES.execute}`)
  page.rows([{ waiting, consumers }])
}

/** Prints what the services logged about a payment. */
export function showLog({ page }: Scene, what: string, lines: readonly LogLine[]): void {
  page.command('logs>', what)
  page.rows(
    lines.map(({ time, service, fields }) => ({
      time,
      process: service,
      line: String(fields['message']),
      ...Object.fromEntries(logged.map((name) => [name, plain(fields[name])])),
    })),
  )
}

const logged = ['replayed', 'attempt'] as const

function plain(value: unknown): string | undefined {
  return value === undefined ? undefined : String(value as string | number | boolean)
}

/** Asks the system for a process, by sending it no signal, and prints the answer. */
export function showGone({ page }: Scene, pid: number): void {
  page.command('node>', `process.kill(${pid}, 0)`)
  page.output(goneText(pid))
  page.pause()
  page.check(!isAlive(pid), `Worker ${pid} is dead.`)
}

function goneText(pid: number): string {
  try {
    process.kill(pid, 0)
    return 'true'
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    return code === 'ESRCH' ? `Error: ${message} (no such process)` : `Error: ${message}`
  }
}

/** Answers of wallet-service to the order to post a payment, in order of time. */
export function postings(scene: Scene, paymentId: string): readonly LogLine[] {
  return scene.witness
    .logLines(paymentId)
    .filter(({ service, fields }) => service === 'wallet' && fields['path'] === '/wallets/transfer')
}

/** A worker that will kill itself. */
export interface DoomedWorker {
  readonly pid: number
  readonly livedMs: number
}

/**
 * Starts a worker that ends itself with SIGKILL when it passes a point in its work on one message.
 * Resolves when it is dead; nobody starts another one.
 */
export async function killWorkerAt(
  { stage }: Scene,
  probe: 'consumer.decided' | 'consumer.committed',
  messageId: string,
): Promise<DoomedWorker> {
  const startedAt = performance.now()
  await stage.controls.arm('worker', probe, 'kill', 0, messageId)
  // It may be dead before it answers its health check, which is what this call waits for.
  stage.controls.startService('worker', { restart: false }).catch(() => undefined)
  const pid = await waitFor(() => stage.pid('worker'), { message: 'a worker to start' })
  await waitFor(() => stage.pid('worker') !== pid && !isAlive(pid), {
    timeoutMs: 30_000,
    intervalMs: 5,
    message: `worker ${pid} to die at ${probe}`,
  })
  return { pid, livedMs: Math.round(performance.now() - startedAt) }
}

/** Starts a worker that means to live. */
export async function startWorker({ stage }: Scene): Promise<number> {
  await stage.controls.startService('worker')
  return stage.pid('worker')
}

/** The only value of the only row. */
export function only(rows: readonly Row[], column: string): string {
  const value = rows[0]?.[column]
  return value === undefined || value === null ? '' : String(value as string)
}
