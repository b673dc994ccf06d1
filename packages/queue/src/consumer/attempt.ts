import type { Kysely } from 'kysely'
import { ATTEMPT_HEADER, REASON_HEADER, decode, payloadHash } from '../envelope.ts'
import type { Decoded, EncodeContext } from '../envelope.ts'
import { QueueError } from '../errors.ts'
import type { ParkReason } from '../events.ts'
import type { BatchHandler, DeliveryContext, OneStepHandler, TwoStepHandler } from '../handler.ts'
import type { MessageDefinition, ReceivedMessage } from '../message.ts'
import type { IsolationLevel } from '../options.ts'
import { BufferedOutbox } from '../outbox/buffered-outbox.ts'
import { beginAttempt } from '../postgres/begin-attempt.ts'
import { claimInbox, isClaimed } from '../postgres/claim-inbox.ts'
import { clearAttempt } from '../postgres/clear-attempt.ts'
import { findInbox } from '../postgres/find-inbox.ts'
import { insertInbox } from '../postgres/insert-inbox.ts'
import type { InboxVerdict } from '../postgres/insert-inbox.ts'
import type { Query } from '../postgres/query.ts'
import type { Reporter } from '../reporter.ts'
import { validate } from '../standard-schema.ts'
import type { Delivery } from './delivery.ts'
import { awaitTwin } from './await-twin.ts'
import { isDeadLetter, isRetryAfter } from './outcome.ts'
import { DuplicateReceipt } from './proof.ts'
import type { CommitReceipt } from './proof.ts'
import { retryInPlace } from './retry-in-place.ts'
import { DatabaseTrouble, runTransaction } from './run-transaction.ts'
import { wasCommitted } from './was-committed.ts'
import { untilAborted } from './until-aborted.ts'

/** A message with what handles it. */
export interface Route<DB> {
  readonly definition: MessageDefinition
  readonly handler: OneStepHandler<any, DB> | TwoStepHandler<any, DB, any>
  /** The same for many messages at once, when it was given with `handleBatch`. */
  readonly batchHandler?: BatchHandler<any, DB> | undefined
}

/** What one attempt needs to know of its consumer. */
export interface AttemptContext<DB> {
  readonly consumer: string
  readonly db: Kysely<DB>
  readonly query: Query
  readonly schema: string
  readonly routes: ReadonlyMap<string, ReadonlyMap<number, Route<DB>>>
  readonly maxAttempts: number
  readonly isolation: IsolationLevel
  readonly encode: EncodeContext
  readonly reporter: Reporter
}

/** What is to become of a delivery. */
export type Verdict =
  | { readonly kind: 'committed'; readonly receipt: CommitReceipt; readonly published: boolean }
  | { readonly kind: 'duplicate'; readonly receipt: DuplicateReceipt }
  | { readonly kind: 'failed'; readonly error: unknown; readonly delayMs?: number | undefined }
  | { readonly kind: 'park'; readonly reason: ParkReason; readonly error: unknown }
  | { readonly kind: 'trouble'; readonly error: unknown }
  | { readonly kind: 'interrupted'; readonly error: unknown }

/** A verdict with what is known about the message it is on. */
export interface Attempt {
  readonly verdict: Verdict
  readonly messageId: string | undefined
  readonly messageType: string
  readonly attempt: number
  /** Its start was written down and has to be taken back or concluded. */
  readonly counted: boolean
}

/** A delivery that its schema let pass, with what handles it. */
export interface OpenedDelivery<DB> {
  readonly about: Omit<Attempt, 'verdict'>
  readonly route: Route<DB>
  readonly message: ReceivedMessage<unknown>
  readonly hash: Buffer
}

/** Decodes and validates; what can't be handled has its verdict already. Never throws. */
export async function openDelivery<DB>(
  context: AttemptContext<DB>,
  { message }: Delivery,
): Promise<OpenedDelivery<DB> | Attempt> {
  const unknown = { messageId: undefined, messageType: '', attempt: 1, counted: false }
  await context.reporter.probe('consumer.received', message.properties.messageId)
  const decoded = decode(message, context.encode.maxMessageBytes)
  if ('reason' in decoded) {
    return { ...unknown, verdict: park(decoded.reason, new Error(decoded.detail)) }
  }
  const about = { ...unknown, messageId: decoded.id, messageType: decoded.type }
  const accepted = await accept(context, decoded)
  if ('kind' in accepted) return { ...about, verdict: accepted }
  return { ...accepted, about, hash: payloadHash(decoded, message.content) }
}

/** Its tries are on record, or may be: the broker or an earlier try says that it is not the first. */
export function hasHistory({ message, redelivered, failed }: Delivery): boolean {
  if (redelivered || failed > 0) return true
  const headers = message.properties.headers ?? {}
  return headers[REASON_HEADER] !== undefined || headers[ATTEMPT_HEADER] !== undefined
}

/** Runs a delivery through decoding, counting, handler and commit. Never throws, never settles. */
export async function attemptDelivery<DB>(
  context: AttemptContext<DB>,
  delivery: Delivery,
  signal: AbortSignal,
): Promise<Attempt> {
  const opened = await openDelivery(context, delivery)
  if ('verdict' in opened) return opened
  const { about, route, message, hash } = opened
  const { query, schema, consumer, maxAttempts } = context
  const { redelivered } = delivery
  const again = redelivered || delivery.failed > 0
  const putBack = delivery.message.properties.headers?.[REASON_HEADER] !== undefined && !again
  const counted = hasHistory(delivery)
  // A first try leaves no record if its process dies; that there was one, only the broker knows.
  const atLeast = redelivered ? 2 : 1
  let begun = 1
  try {
    // Somebody moved it out of the parking queue: its tries start from the first.
    if (putBack) await clearAttempt(query, schema, consumer, message.id)
    const elsewhere = redelivered ? await verdictOfTwin(context, opened, signal) : undefined
    if (elsewhere !== undefined) return { ...about, attempt: atLeast, verdict: elsewhere }
    if (counted) begun = await beginAttempt(query, schema, consumer, message.id)
  } catch (error) {
    return { ...about, verdict: { kind: 'trouble', error: causeOf(error) } }
  }
  const attempt = Math.max(begun, atLeast)
  const result = { ...about, attempt, counted }
  if (begun > maxAttempts) return { ...result, verdict: await exhausted(context, opened, signal) }
  const known = { message, hash, counted, delivery: { signal, attempt, redelivered } }
  return { ...result, verdict: await runHandler(context, route, known) }
}

/** What became of the message elsewhere, waiting for it; `undefined` when it is still to be handled. */
async function verdictOfTwin<DB>(
  { db, query, schema, consumer }: AttemptContext<DB>,
  { message: { id }, hash }: OpenedDelivery<DB>,
  signal: AbortSignal,
): Promise<Verdict | undefined> {
  const seen = await awaitTwin(db, { schema, consumer, messageId: id, hash }, signal)
  if (seen === 'new') return undefined
  if (seen === undefined) return { kind: 'interrupted', error: signal.reason }
  if (seen === 'id-reuse') return parkReused()
  await clearAttempt(query, schema, consumer, id).catch(() => {})
  return { kind: 'duplicate', receipt: new DuplicateReceipt() }
}

/** Its tries are used up, unless one of them is still at work or has committed. */
async function exhausted<DB>(
  context: AttemptContext<DB>,
  opened: OpenedDelivery<DB>,
  signal: AbortSignal,
): Promise<Verdict> {
  try {
    const elsewhere = await verdictOfTwin(context, opened, signal)
    return elsewhere ?? park('attempts-exhausted', new Error('The process died at it'))
  } catch (error) {
    return { kind: 'trouble', error: causeOf(error) }
  }
}

function causeOf(error: unknown): unknown {
  return error instanceof DatabaseTrouble ? error.cause : error
}

function parkReused(): Verdict {
  return park('id-reuse', new Error('this id was committed before with another body'))
}

/** Finds what handles a message and lets its schema judge it. */
async function accept<DB>(
  context: AttemptContext<DB>,
  decoded: Decoded,
): Promise<{ route: Route<DB>; message: ReceivedMessage<unknown> } | Verdict> {
  const versions = context.routes.get(decoded.type)
  if (versions === undefined) return park('unknown-type', new Error(`type ${decoded.type}`))
  const route = versions.get(decoded.version)
  if (route === undefined) {
    return park('unknown-version', new Error(`version ${decoded.version} of ${decoded.type}`))
  }
  try {
    const valid = await validate(route.definition.schema, decoded.data)
    if ('issues' in valid) return park('schema-invalid', new Error(valid.issues.join('; ')))
    return { route, message: { ...decoded, data: valid.value } }
  } catch (error) {
    return park('schema-invalid', error)
  }
}

/** One try of one message. */
export interface RunInput {
  readonly message: ReceivedMessage<unknown>
  readonly hash: Buffer
  readonly counted: boolean
  readonly delivery: DeliveryContext
}

/** Runs a handler in a transaction of its own. Never throws. */
export async function runHandler<DB>(
  context: AttemptContext<DB>,
  route: Route<DB>,
  input: RunInput,
): Promise<Verdict> {
  try {
    return await new Run(context, route, input).handle()
  } catch (error) {
    return verdictOn(error, input.delivery.signal)
  }
}

/** What an error that ended a try says about its message. */
export function verdictOn(error: unknown, signal: AbortSignal): Verdict {
  if (error instanceof DatabaseTrouble) return { kind: 'trouble', error: error.cause }
  if (wasInterrupted(signal)) return { kind: 'interrupted', error }
  if (isDeadLetter(error)) return park(error.reason, error)
  if (isRetryAfter(error)) return { kind: 'failed', error, delayMs: error.delayMs }
  return { kind: 'failed', error }
}

/** A step of a handler that writes. */
type Inside = (trx: any, outbox: BufferedOutbox) => Promise<void>

class Run<DB> {
  readonly #context: AttemptContext<DB>
  readonly #route: Route<DB>
  readonly #input: RunInput

  constructor(context: AttemptContext<DB>, route: Route<DB>, input: RunInput) {
    this.#context = context
    this.#route = route
    this.#input = input
  }

  async handle(): Promise<Verdict> {
    const { handler } = this.#route
    const { message, delivery } = this.#input
    if (typeof handler === 'function') {
      return await this.#transact('first', (trx, outbox) =>
        handler(message, { ...delivery, trx, outbox }),
      )
    }
    const seen = await this.#lookUp()
    if (seen !== 'new') return await this.#conclude(seen)
    const decision = await untilAborted(delivery.signal, () => handler.decide(message, delivery))
    await this.#context.reporter.probe('consumer.decided', message.id)
    return await this.#transact('next', (trx, outbox) =>
      handler.record(message, decision, { ...delivery, trx, outbox }),
    )
  }

  /** Before asking another system again: the answer may be on record already. */
  async #lookUp(): Promise<InboxVerdict> {
    const { query, schema, consumer } = this.#context
    try {
      return await findInbox(query, schema, consumer, this.#input.message.id, this.#input.hash)
    } catch (error) {
      throw new DatabaseTrouble(error)
    }
  }

  async #transact(step: 'first' | 'next', inside: Inside): Promise<Verdict> {
    const { signal } = this.#input.delivery
    const work: Inside = (trx, outbox) => untilAborted(signal, () => inside(trx, outbox), step)
    return await retryInPlace(async () => {
      if (this.#input.counted) return await this.#transactOnce(work, false)
      try {
        return await this.#transactOnce(work, true)
      } catch (error) {
        if (!(error instanceof DatabaseTrouble) || !isClaimed(error.cause)) throw error
        return await this.#transactOnce(work, false)
      }
    })
  }

  async #transactOnce(work: Inside, presumedNew: boolean): Promise<Verdict> {
    const { db, schema, consumer, reporter } = this.#context
    const { message, hash, counted } = this.#input
    let outbox: BufferedOutbox | undefined
    const result = await runTransaction<DB, Exclude<InboxVerdict, 'new'>>(db, {
      first: presumedNew ? claimInbox(schema, consumer, message.id, hash) : undefined,
      open: async (query) => {
        if (presumedNew) return undefined
        const seen = await insertInbox(query, schema, consumer, message.id, hash)
        return seen === 'new' ? undefined : seen
      },
      isolation: this.#context.isolation,
      wasCommitted: () => wasCommitted(db, { schema, consumer, messageId: message.id, hash }),
      work: async (guard) => {
        const buffer = new BufferedOutbox(guard.query, schema, this.#context.encode)
        outbox = buffer
        await work(guard.trx, buffer)
      },
      finish: async (query) => {
        await outbox?.flush(query)
        if (counted) await clearAttempt(query, schema, consumer, message.id)
        await reporter.probe('consumer.recorded', message.id)
      },
    })
    if (result.outcome === 'ended-early') return await this.#conclude(result.value)
    return { kind: 'committed', receipt: result.receipt, published: (outbox?.size ?? 0) > 0 }
  }

  async #conclude(seen: Exclude<InboxVerdict, 'new'>): Promise<Verdict> {
    const { query, schema, consumer } = this.#context
    if (seen === 'id-reuse') return parkReused()
    if (this.#input.counted) {
      await clearAttempt(query, schema, consumer, this.#input.message.id).catch(() => {})
    }
    return { kind: 'duplicate', receipt: new DuplicateReceipt() }
  }
}

/** Stopped from outside, through no fault of the message; a passed deadline is its own doing. */
function wasInterrupted({ reason }: AbortSignal): boolean {
  return QueueError.is(reason) && reason.code !== 'QUEUE_HANDLER_DEADLINE'
}

/** To the parking queue, at once. */
export function park(reason: ParkReason, error: unknown): Verdict {
  return { kind: 'park', reason, error }
}
