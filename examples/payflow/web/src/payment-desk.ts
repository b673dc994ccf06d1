/**
 * Sends payments until they are answered, independent of which page is open.
 *
 * Promise: what is submitted has its key in storage before the first byte leaves, every further
 * attempt carries the same key and body, and the key goes only with a final answer or when the
 * person sets the payment aside.
 */
import { judge, pendingPayments } from './pending-payment.ts'
import type { Answer, KeyStorage, PendingPayment, PendingPayments } from './pending-payment.ts'
import type { Problem } from './api/problem.ts'
import { retryDelayMs } from './poll.ts'

/** Where a payment is on its way to an answer. */
export type DeskPhase =
  /** Kept from an earlier visit, or being sent by another tab. */
  | { readonly kind: 'kept' }
  | { readonly kind: 'sending'; readonly attempt: number }
  | { readonly kind: 'waiting'; readonly waitMs: number; readonly problem: Problem | null }
  | { readonly kind: 'offline' }
  /** Asked often enough on its own; the person decides when to ask again. */
  | { readonly kind: 'stopped'; readonly problem: Problem | null }
  | { readonly kind: 'sign-in' }
  | { readonly kind: 'accepted'; readonly paymentId: string }
  | { readonly kind: 'refused'; readonly problem: Problem }

/** A payment and how far it has come. */
export interface DeskEntry {
  readonly payment: PendingPayment
  readonly phase: DeskPhase
}

/** What the desk needs from the world; tests hand in their own. */
export interface DeskPorts {
  readonly storage: KeyStorage
  /** Sends the payment once. Never rejects: no answer is an answer of kind `none`. */
  post(payment: PendingPayment): Promise<Answer>
  isOnline(): boolean
  /** Resolves after `waitMs`, or at once when `signal` aborts. */
  pause(waitMs: number, signal: AbortSignal): Promise<void>
  nowMs(): number
  /** A random number in [0, 1). */
  chance(): number
}

/** Attempts before the desk stops on its own; with growing waits this is about five minutes. */
export const attemptsMax = 14
/** How long an offline browser waits before it looks again, should no `online` event come. */
const offlineCheckMs = 30_000

/** The payments of one signed-in user that have no final answer yet, or have just got one. */
export class PaymentDesk {
  readonly #userId: string
  readonly #ports: DeskPorts
  readonly #store: PendingPayments
  readonly #entries = new Map<string, DeskEntry>()
  /** One controller for each payment that is being worked on; aborting it ends a wait. */
  readonly #running = new Map<string, AbortController>()
  readonly #listeners = new Set<() => void>()
  #snapshot: readonly DeskEntry[] = []
  #closed = false

  constructor(userId: string, ports: DeskPorts) {
    this.#userId = userId
    this.#ports = ports
    this.#store = pendingPayments(ports.storage, userId)
    this.reread()
  }

  /** All payments on the desk; the same array until something changes. */
  readonly entries = (): readonly DeskEntry[] => this.#snapshot

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /**
   * Stores the key, then sends. Submitting the same payment twice (a double click) sends it once.
   * One that was set aside while it was being sent is wanted again: its answer is waited for.
   *
   * @returns false when the key could not be stored; then nothing was sent.
   */
  submit(payment: PendingPayment): boolean {
    const { key, userId } = payment
    if (userId !== this.#userId || !this.#store.save(payment)) return false
    const controller = this.#running.get(key)
    if (controller === undefined) void this.#run(payment)
    else {
      if (!this.#entries.has(key)) this.#enter(payment, { kind: 'sending', attempt: 1 })
      controller.abort()
    }
    return true
  }

  /** Asks for the answer, at once. Harmless while it is being asked already. */
  resume(key: string): void {
    const controller = this.#running.get(key)
    const payment = this.#store.get(key)
    if (controller !== undefined) controller.abort()
    else if (payment !== null) void this.#run(payment)
  }

  /** Forgets the key, answered or not: without an answer, only when the person decided so. */
  setAside(key: string): void {
    this.#store.clear(key)
    this.#entries.delete(key)
    this.#running.get(key)?.abort()
    this.#publish()
  }

  /** The network is back: every wait is cut short. */
  readonly wake = (): void => {
    for (const controller of this.#running.values()) controller.abort()
  }

  /** Takes in what another tab changed in the storage. */
  readonly reread = (): void => {
    const kept = this.#store.list()
    for (const payment of kept) {
      if (this.#entries.has(payment.key)) continue
      this.#entries.set(payment.key, { payment, phase: { kind: 'kept' } })
    }
    const keys = new Set(kept.map(({ key }) => key))
    for (const [key, { phase }] of this.#entries) {
      const settled = phase.kind === 'accepted' || phase.kind === 'refused'
      // Another tab got the answer: nothing is left to ask here.
      if (!keys.has(key) && !settled && !this.#running.has(key)) this.#entries.delete(key)
    }
    this.#publish()
  }

  /** Stops sending; what is unanswered stays in storage for the next visit. */
  close(): void {
    this.#closed = true
    this.wake()
  }

  async #run(payment: PendingPayment): Promise<void> {
    const { key } = payment
    this.#running.set(key, new AbortController())
    let settled: DeskPhase | null = null
    for (let attempt = 1; settled === null && this.#wanted(key); attempt += 1) {
      settled = await this.#attempt(payment, attempt)
    }
    this.#running.delete(key)
    if (settled === null) this.reread()
    else this.#enter(payment, settled)
  }

  async #attempt(payment: PendingPayment, attempt: number): Promise<DeskPhase | null> {
    while (!this.#ports.isOnline() && this.#wanted(payment.key)) {
      await this.#pause(payment, { kind: 'offline' }, offlineCheckMs)
    }
    if (!this.#wanted(payment.key)) return null
    this.#enter(payment, { kind: 'sending', attempt })
    const verdict = judge(await this.#ports.post(payment), this.#ports.nowMs())
    if (verdict.kind === 'accepted' || verdict.kind === 'refused') this.#store.clear(payment.key)
    if (verdict.kind !== 'again') return verdict
    if (!this.#wanted(payment.key)) return null
    const { problem, leastMs } = verdict
    if (attempt >= attemptsMax) return { kind: 'stopped', problem }
    const waitMs = retryDelayMs(attempt, leastMs, this.#ports.chance())
    await this.#pause(payment, { kind: 'waiting', waitMs, problem }, waitMs)
    return null
  }

  async #pause(payment: PendingPayment, phase: DeskPhase, waitMs: number): Promise<void> {
    const controller = new AbortController()
    this.#running.set(payment.key, controller)
    this.#enter(payment, phase)
    await this.#ports.pause(waitMs, controller.signal)
  }

  /** False once the desk is closed, or the key is gone: set aside, or answered in another tab. */
  #wanted(key: string): boolean {
    return !this.#closed && this.#store.get(key) !== null
  }

  #enter(payment: PendingPayment, phase: DeskPhase): void {
    this.#entries.set(payment.key, { payment, phase })
    this.#publish()
  }

  #publish(): void {
    if (this.#closed) return
    this.#snapshot = [...this.#entries.values()]
    for (const listener of this.#listeners) listener()
  }
}
