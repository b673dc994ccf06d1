import { CommitRolledBackError, QueueError } from '../errors.ts'
import type { Outgoing } from '../envelope.ts'
import type { BatchHandler, OneStepHandler } from '../handler.ts'
import { BufferedOutbox } from '../outbox/buffered-outbox.ts'
import { deleteInboxBatch } from '../postgres/delete-inbox-batch.ts'
import { findInboxBatch, insertInboxBatch } from '../postgres/insert-inbox-batch.ts'
import type { InboxVerdict } from '../postgres/insert-inbox.ts'
import { insertOutbox } from '../postgres/insert-outbox.ts'
import { isSerializationFailure, isTransactionAborted } from '../postgres/pg-errors.ts'
import type { Query } from '../postgres/query.ts'
import { park, verdictOn } from './attempt.ts'
import type { AttemptContext, OpenedDelivery, Verdict } from './attempt.ts'
import type { Delivery } from './delivery.ts'
import type { GuardedTransaction } from './guarded-transaction.ts'
import { DuplicateReceipt } from './proof.ts'
import { DatabaseTrouble, answered, ours, runTransaction } from './run-transaction.ts'
import type { TransactionScope } from './run-transaction.ts'
import { untilAborted } from './until-aborted.ts'
import { wasCommitted } from './was-committed.ts'

/** A message of a batch. Its id differs from those of the others. */
export interface BatchMember<DB> extends OpenedDelivery<DB> {
  readonly delivery: Delivery
  /** Its handler; of a two-step one, `record` with the decision at hand. */
  readonly work: OneStepHandler<any, DB>
}

/** What became of the members of a transaction. */
export type BatchVerdicts<DB> = Map<BatchMember<DB>, Verdict>

/*
 * A name for each member: whatever was executed without our knowing, ROLLBACK TO goes back to before
 * its member's work, or fails.
 */
const savepoint = (index: number): string => `savepoint payflow_message_${index}`
const release = (index: number): string => `release ${savepoint(index)}`
const rollBackTo = (index: number): string => `rollback to ${savepoint(index)}`

/** One transaction for several messages: their inbox rows, their handlers, their outbox rows. */
export class BatchTransaction<DB> {
  readonly #context: AttemptContext<DB>
  readonly #members: readonly BatchMember<DB>[]
  readonly #signal: AbortSignal
  readonly #verdicts: BatchVerdicts<DB> = new Map()
  /** Whose inbox row this transaction has inserted. */
  readonly #claimed: BatchMember<DB>[] = []
  /** Whose work stands, and with it the inbox row. */
  #done: BatchMember<DB>[] = []
  #outgoing: readonly Outgoing[] = []

  constructor(
    context: AttemptContext<DB>,
    members: readonly BatchMember<DB>[],
    signal: AbortSignal,
  ) {
    this.#context = context
    this.#members = members
    this.#signal = signal
  }

  /** Throws when nothing was committed and the failure can't be laid to one of them. */
  async run(): Promise<BatchVerdicts<DB>> {
    const together = this.#members[0]?.route.batchHandler
    const result = await runTransaction<DB, 'nothing-new'>(this.#context.db, {
      open: async (query) => {
        await this.#claim(query)
        return this.#claimed.length === 0 ? 'nothing-new' : undefined
      },
      work: (guard, scope) =>
        together === undefined ? this.#oneByOne(scope) : this.#together(guard, together),
      finish: (query) => this.#finish(query),
      isolation: this.#context.isolation,
      wasCommitted: () => this.#wasCommitted(),
    })
    if (result.outcome === 'ended-early') return this.#verdicts
    const verdict: Verdict = {
      kind: 'committed',
      receipt: result.receipt,
      published: this.#outgoing.length > 0,
    }
    for (const member of this.#done) this.#verdicts.set(member, verdict)
    return this.#verdicts
  }

  async #claim(query: Query): Promise<void> {
    const { schema, consumer } = this.#context
    const entries = this.#members.map(({ message: { id }, hash }) => ({ id, hash }))
    const seen = await insertInboxBatch(query, schema, consumer, entries)
    for (const member of this.#members) {
      const verdict = verdictOfInbox(seen.get(member.message.id))
      if (verdict === undefined) this.#claimed.push(member)
      else this.#verdicts.set(member, verdict)
    }
  }

  /** Each under its own savepoint: a failure takes back that one's work and nobody else's. */
  async #oneByOne(scope: TransactionScope<DB>): Promise<void> {
    await ours(() => scope.query(savepoint(0)))
    for (const [index, member] of this.#claimed.entries()) {
      if (isStopped(this.#signal)) return this.#interruptFrom(index)
      const isLast = index + 1 === this.#claimed.length
      const next = isLast ? release(index) : `${release(index)}; ${savepoint(index + 1)}`
      try {
        const outgoing = await this.#workOn(member, scope)
        // Fails if the handler swallowed an SQL error: what it did is lost, so it has failed.
        await answered(() => scope.query(next))
        this.#done.push(member)
        this.#outgoing = outgoing
      } catch (error) {
        if (error instanceof DatabaseTrouble || isSerializationFailure(error)) throw error
        await ours(() => scope.query(`${rollBackTo(index)}; ${next}`))
        if (isStopped(this.#signal)) return this.#interruptFrom(index)
        const failure = isTransactionAborted(error) ? new CommitRolledBackError(error) : error
        this.#verdicts.set(member, verdictOn(failure, this.#signal))
      }
    }
  }

  /** Returns what the batch will publish if this member's work stands. */
  async #workOn(
    { message, work }: BatchMember<DB>,
    scope: TransactionScope<DB>,
  ): Promise<readonly Outgoing[]> {
    const signal = this.#signal
    let outgoing = this.#outgoing
    await scope.part(async ({ trx, query }) => {
      const outbox = this.#outbox(query)
      const context = { signal, attempt: 1, redelivered: false, trx, outbox }
      // A batch is begun as a whole: the loss of its channel stops none of it, see `isStopped`.
      await untilAborted(signal, () => work(message, context), 'next')
      outgoing = outbox.take()
    })
    return outgoing
  }

  async #together(
    { trx, query }: GuardedTransaction<DB>,
    handler: BatchHandler<any, DB>,
  ): Promise<void> {
    const signal = this.#signal
    const outbox = this.#outbox(query)
    const messages = this.#claimed.map(({ message }) => message)
    await untilAborted(signal, () => handler(messages, { signal, trx, outbox }), 'next')
    this.#done = this.#claimed
    this.#outgoing = outbox.take()
  }

  async #finish(query: Query): Promise<void> {
    const { schema, consumer, reporter } = this.#context
    const done = new Set(this.#done)
    const given = this.#claimed.filter((member) => !done.has(member))
    if (given.length > 0) {
      await ours(() => deleteInboxBatch(query, schema, consumer, given.map(idOf)))
    }
    if (this.#outgoing.length > 0) await insertOutbox(query, schema, this.#outgoing)
    await reporter.probe('consumer.recorded', this.#done.map(idOf))
  }

  /**
   * The first one's row tells when the transaction is over. That row may be a twin's, which took the
   * place of ours after a rollback, so the rows of all must be there before anything is acknowledged.
   */
  async #wasCommitted(): Promise<boolean | undefined> {
    const { db, query, schema, consumer } = this.#context
    const [first] = this.#done
    if (first === undefined) return true
    const key = { schema, consumer, messageId: idOf(first), hash: first.hash }
    if ((await wasCommitted(db, key)) !== true) return undefined
    const entries = this.#done.map(({ message: { id }, hash }) => ({ id, hash }))
    const seen = await findInboxBatch(query, schema, consumer, entries).catch(() => undefined)
    return seen !== undefined && [...seen.values()].every((verdict) => verdict === 'duplicate')
  }

  #outbox(query: Query): BufferedOutbox {
    return new BufferedOutbox(query, this.#context.schema, this.#context.encode, this.#outgoing)
  }

  /** The time of the batch is over: what is done by now is committed, the rest is given back. */
  #interruptFrom(index: number): void {
    const verdict: Verdict = { kind: 'interrupted', error: this.#signal.reason }
    for (const member of this.#claimed.slice(index)) this.#verdicts.set(member, verdict)
  }
}

/** What the inbox says about a message that can't be claimed. */
export function verdictOfInbox(seen: InboxVerdict | undefined): Verdict | undefined {
  if (seen === undefined) throw new Error('The inbox was not asked about this message')
  if (seen === 'new') return undefined
  if (seen === 'duplicate') return { kind: 'duplicate', receipt: new DuplicateReceipt() }
  return park('id-reuse', new Error('this id was committed before with another body'))
}

/**
 * Whether a batch must come to its end: its deadline passed, or a drain ran out of time. The loss of
 * the channel is no reason: what was begun may commit, and the redelivery will find it.
 */
export function isStopped({ aborted, reason }: AbortSignal): boolean {
  return aborted && !(QueueError.is(reason) && reason.code === 'QUEUE_DELIVERY_LOST')
}

function idOf({ message }: BatchMember<any>): string {
  return message.id
}
