import { findInboxBatch } from '../postgres/insert-inbox-batch.ts'
import type { InboxVerdict } from '../postgres/insert-inbox.ts'
import { openDelivery, verdictOn } from './attempt.ts'
import type { Attempt, AttemptContext, OpenedDelivery, Verdict } from './attempt.ts'
import { isStopped, verdictOfInbox } from './batch-transaction.ts'
import type { BatchMember } from './batch-transaction.ts'
import type { Delivery } from './delivery.ts'
import { untilAborted } from './until-aborted.ts'

/** A batch before its transaction. */
export interface PreparedBatch<DB> {
  readonly members: readonly BatchMember<DB>[]
  /** What needs no transaction: unreadable, already committed, undecided. */
  readonly concluded: ReadonlyMap<Delivery, Attempt>
  /** Copies of members. What they are depends on what becomes of those. */
  readonly twins: readonly Delivery[]
}

type Opened<DB> = OpenedDelivery<DB> & { readonly delivery: Delivery }

/** Decodes, validates and decides, each delivery for itself and all at the same time. */
export async function prepareBatch<DB>(
  context: AttemptContext<DB>,
  deliveries: readonly Delivery[],
  signal: AbortSignal,
): Promise<PreparedBatch<DB>> {
  const concluded = new Map<Delivery, Attempt>()
  const twins: Delivery[] = []
  const byId = new Map<string, Opened<DB>>()
  const opened = await Promise.all(deliveries.map((delivery) => openDelivery(context, delivery)))
  for (const [index, delivery] of deliveries.entries()) {
    const open = opened[index] as OpenedDelivery<DB> | Attempt
    if ('verdict' in open) concluded.set(delivery, open)
    else if (byId.has(open.message.id)) twins.push(delivery)
    else byId.set(open.message.id, { ...open, delivery })
  }
  const prepared = await decideAll(context, [...byId.values()], signal)
  const members: BatchMember<DB>[] = []
  for (const [index, open] of [...byId.values()].entries()) {
    const result = prepared[index] as BatchMember<DB> | Verdict
    if ('kind' in result) concluded.set(open.delivery, { ...open.about, verdict: result })
    else members.push(result)
  }
  return { members: members.toSorted(byKey), concluded, twins }
}

/** Before any transaction is open, so that none waits for the network. */
async function decideAll<DB>(
  context: AttemptContext<DB>,
  opened: readonly Opened<DB>[],
  signal: AbortSignal,
): Promise<(BatchMember<DB> | Verdict)[]> {
  const asking = opened.filter(({ route }) => typeof route.handler !== 'function')
  let seen: ReadonlyMap<string, InboxVerdict>
  try {
    // An answer that is on record already is not asked for again.
    seen = await lookUp(context, asking)
  } catch (error) {
    return opened.map(() => ({ kind: 'trouble', error }))
  }
  return await Promise.all(opened.map((open) => decide(context, open, seen, signal)))
}

async function lookUp<DB>(
  { query, schema, consumer }: AttemptContext<DB>,
  asking: readonly Opened<DB>[],
): Promise<ReadonlyMap<string, InboxVerdict>> {
  if (asking.length === 0) return new Map()
  const entries = asking.map(({ message: { id }, hash }) => ({ id, hash }))
  return await findInboxBatch(query, schema, consumer, entries)
}

async function decide<DB>(
  context: AttemptContext<DB>,
  opened: Opened<DB>,
  seen: ReadonlyMap<string, InboxVerdict>,
  signal: AbortSignal,
): Promise<BatchMember<DB> | Verdict> {
  const { message, route } = opened
  const { handler } = route
  if (typeof handler === 'function') return { ...opened, work: handler }
  const verdict = verdictOfInbox(seen.get(message.id))
  if (verdict !== undefined) return verdict
  try {
    const delivery = { signal, attempt: 1, redelivered: false }
    const decision: unknown = await untilAborted(signal, () => handler.decide(message, delivery))
    await context.reporter.probe('consumer.decided', message.id)
    return {
      ...opened,
      work: (received, inside) => handler.record(received, decision, inside),
    }
  } catch (error) {
    if (isStopped(signal)) return { kind: 'interrupted', error: signal.reason }
    return verdictOn(error, signal)
  }
}

/**
 * All batches in one order, for a handler that locks what its message's key names: two of them then
 * wait for each other in one direction only. Equal keys stay in the order of their arrival.
 */
function byKey({ message: a }: BatchMember<any>, { message: b }: BatchMember<any>): number {
  return a.key < b.key ? -1 : a.key > b.key ? 1 : 0
}
