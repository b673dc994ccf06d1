import { runHandler } from './attempt.ts'
import type { Verdict } from './attempt.ts'
import { prepareBatch } from './batch-members.ts'
import { BatchTransaction, isStopped } from './batch-transaction.ts'
import type { BatchMember, BatchVerdicts } from './batch-transaction.ts'
import { bisect } from './bisect.ts'
import type { Delivery } from './delivery.ts'
import { retryInPlace } from './retry-in-place.ts'
import { DeliveryRunner, tooLate } from './run-delivery.ts'
import type { RunContext } from './run-delivery.ts'
import { DatabaseTrouble } from './run-transaction.ts'
import { settleBatch } from './settle-batch.ts'
import type { Concluded } from './settle-batch.ts'
import type { Held, Settlement } from './settle.ts'
import type { Unit, UnitRunner } from './unit.ts'

/** Runs the deliveries of a unit together; a single one as if there were no batches. */
export class BatchRunner<DB> implements UnitRunner {
  readonly batch: UnitRunner['batch']
  readonly #context: RunContext<DB>
  readonly #single: DeliveryRunner<DB>

  constructor(batch: NonNullable<UnitRunner['batch']>, context: RunContext<DB>) {
    this.batch = batch
    this.#context = context
    this.#single = new DeliveryRunner(context)
  }

  async run(unit: Unit): Promise<readonly (Settlement | Held)[]> {
    const { deliveries, controller } = unit
    if (deliveries.length === 1) return await this.#single.run(unit)
    const { signal } = controller
    const settlements = new Map<Delivery, Settlement | Held>()
    for (const twin of await this.#together(deliveries, signal, settlements)) {
      // Once something had to be given back, there is no database or no time for the rest either.
      const givenBack = [...settlements.values()].some(isGivenBack)
      settlements.set(twin, givenBack ? giveBack(twin) : await this.#alone(twin, signal))
    }
    return deliveries.map((delivery) => settlements.get(delivery) ?? 'abandoned')
  }

  /** Returns the deliveries that have to run alone after the batch. */
  async #together(
    deliveries: readonly Delivery[],
    signal: AbortSignal,
    settlements: Map<Delivery, Settlement | Held>,
  ): Promise<readonly Delivery[]> {
    const { name, deadlineMs, onDefect } = this.#context
    const controller = controllerUnder(signal)
    const timer = setTimeout(() => controller.abort(tooLate(name, deadlineMs)), deadlineMs)
    const batch = new Batch(this.#context, controller.signal, settlements)
    try {
      return await batch.run(deliveries)
    } catch (error) {
      // None of its parts throws; if one does, no message must stay in hand for ever.
      onDefect(error)
      for (const delivery of deliveries) delivery.releaseUnlessSettled()
      return []
    } finally {
      clearTimeout(timer)
    }
  }

  async #alone(delivery: Delivery, signal: AbortSignal): Promise<Settlement | Held> {
    if (signal.aborted) return giveBack(delivery)
    const controller = controllerUnder(signal)
    const [settlement] = await this.#single.run({ deliveries: [delivery], controller })
    return settlement ?? 'abandoned'
  }
}

/** One batch: prepared, run in one transaction or as many as its failures make of it, settled. */
class Batch<DB> {
  readonly #context: RunContext<DB>
  readonly #signal: AbortSignal
  readonly #settlements: Map<Delivery, Settlement | Held>
  readonly #startedAt = performance.now()
  /** What becomes of whatever has not run yet. */
  #ended: Verdict | undefined

  constructor(
    context: RunContext<DB>,
    signal: AbortSignal,
    settlements: Map<Delivery, Settlement | Held>,
  ) {
    this.#context = context
    this.#signal = signal
    this.#settlements = settlements
  }

  async run(deliveries: readonly Delivery[]): Promise<readonly Delivery[]> {
    const { attempt } = this.#context
    const { members, concluded, twins } = await prepareBatch(attempt, deliveries, this.#signal)
    for (const group of byHandler(members)) {
      await bisect(
        group,
        (part) => this.#transact(part),
        (member) => this.#runAlone(member),
      )
    }
    await this.#settle([...concluded].map(([delivery, judged]) => ({ delivery, attempt: judged })))
    return twins
  }

  /** Throws, having settled nothing, when the failure can't be laid to one of them. */
  async #transact(part: readonly BatchMember<DB>[]): Promise<void> {
    const { attempt } = this.#context
    const signal = this.#signal
    this.#ended ??= outOfTime(signal)
    if (this.#ended !== undefined) return await this.#settleAll(part, this.#ended)
    let verdicts: BatchVerdicts<DB>
    try {
      verdicts = await retryInPlace(() => new BatchTransaction(attempt, part, signal).run())
    } catch (error) {
      const trouble = error instanceof DatabaseTrouble
      this.#ended = trouble ? { kind: 'trouble', error: error.cause } : outOfTime(signal)
      if (this.#ended === undefined) throw error
      return await this.#settleAll(part, this.#ended)
    }
    await this.#settleMembers(verdicts)
  }

  async #runAlone(member: BatchMember<DB>): Promise<void> {
    this.#ended ??= outOfTime(this.#signal)
    const verdict = this.#ended ?? (await this.#verdictOn(member))
    if (verdict.kind === 'trouble') this.#ended = verdict
    await this.#settleAll([member], verdict)
  }

  async #verdictOn({ message, hash, route, work }: BatchMember<DB>): Promise<Verdict> {
    const signal = this.#signal
    const delivery = { signal, attempt: 1, redelivered: false }
    const verdict = await runHandler(
      this.#context.attempt,
      { definition: route.definition, handler: work },
      { message, hash, counted: false, delivery },
    )
    // It may have had but the end of the batch's time; that is not its own doing.
    return verdict.kind === 'failed' ? (outOfTime(signal) ?? verdict) : verdict
  }

  async #settleAll(members: readonly BatchMember<DB>[], verdict: Verdict): Promise<void> {
    await this.#settleMembers(new Map(members.map((member) => [member, verdict])))
  }

  async #settleMembers(verdicts: BatchVerdicts<DB>): Promise<void> {
    const concluded = [...verdicts].map(([{ delivery, about }, verdict]) => ({
      delivery,
      attempt: { ...about, verdict },
    }))
    await this.#settle(concluded)
  }

  async #settle(concluded: readonly Concluded[]): Promise<void> {
    await settleBatch(this.#context, concluded, this.#startedAt, (delivery, settlement) =>
      this.#settlements.set(delivery, settlement),
    )
  }
}

/** A transaction for each set-based handler, and one for all the others. */
function byHandler<DB>(members: readonly BatchMember<DB>[]): BatchMember<DB>[][] {
  return [...Map.groupBy(members, ({ route }) => route.batchHandler).values()]
}

function outOfTime(signal: AbortSignal): Verdict | undefined {
  return isStopped(signal) ? { kind: 'interrupted', error: signal.reason } : undefined
}

function isGivenBack(settlement: Settlement | Held): boolean {
  return settlement === 'released' || settlement === 'abandoned'
}

function giveBack(delivery: Delivery): Settlement {
  return delivery.release() ? 'released' : 'abandoned'
}

/** Aborts with its parent, and for reasons of its own. */
function controllerUnder(signal: AbortSignal): AbortController {
  const controller = new AbortController()
  if (signal.aborted) controller.abort(signal.reason)
  else signal.addEventListener('abort', () => controller.abort(signal.reason), { once: true })
  return controller
}
