import { between, pause } from '@payflow/testkit'
import type { Random } from '@payflow/testkit'
import type { Pace } from './pace.ts'
import type { Tally } from './tally.ts'

/** Everything a client needs to pay. */
export interface Payers {
  readonly tally: Tally
  readonly pace: Pace
  readonly random: Random
  /** Begins every key. */
  readonly prefix: string
  readonly address: () => string
  /** False while a fault is still to come, however many payments there have been. */
  readonly mayEnd: () => boolean
  readonly signal: AbortSignal
}

/** What a client was told in the end. */
export type Ending = { readonly paid: number } | 'unknown' | 'gave up'

/** Every ending that the senders of a key were told: two of them may differ only by a fault. */
export type Endings = Map<string, Ending[]>

const CLIENT_TIMEOUT_MS = 4_000
const FAULT_FREE_SHARE = 0.93
const DOUBLE_SHARE = 0.15
const LATE_SHARE = 0.2

/**
 * Pays `payments` times or more, `clients` at a time. Each sends until it knows; some send the same payment
 * twice at once, some hang up in the middle, and some ask again long after they were told.
 */
export async function payAll(
  payers: Payers,
  { payments, clients }: { readonly payments: number; readonly clients: number },
): Promise<Endings> {
  const endings: Endings = new Map()
  let next = 0
  const client = async (): Promise<void> => {
    while ((next < payments || !payers.mayEnd()) && !payers.signal.aborted) {
      const number = next++
      await payers.pace.turn(payers.signal)
      const key = `${payers.prefix}${number}`
      const senders = payers.random() < DOUBLE_SHARE ? 2 : 1
      const told = Array.from({ length: senders }, () => send(payers, key, number))
      endings.set(key, await Promise.all(told))
      payers.tally.settled += 1
      await askAgain(payers, endings, number)
    }
  }
  await Promise.all(Array.from({ length: clients }, client))
  return endings
}

/** Somebody opens an old tab: any earlier payment is sent once more. */
async function askAgain(payers: Payers, endings: Endings, before: number): Promise<void> {
  if (payers.random() >= LATE_SHARE) return
  const number = between(payers.random, 0, before)
  const key = `${payers.prefix}${number}`
  const told = endings.get(key)
  if (told !== undefined) told.push(await send(payers, key, number))
}

/** Sends one payment until its end is known. */
async function send(payers: Payers, key: string, number: number): Promise<Ending> {
  const { random, signal, tally } = payers
  while (!signal.aborted) {
    const hangsUp = random() > FAULT_FREE_SHARE
    const timeoutMs = hangsUp ? between(random, 1, 30) : CLIENT_TIMEOUT_MS
    const answer = await post(payers.address(), key, { amount: 1 + (number % 97) }, timeoutMs)
    tally.answer(answer.what)
    if (answer.paid !== undefined) return { paid: answer.paid }
    if (answer.code === 'idempotency_indeterminate') return 'unknown'
    await pause(between(random, 20, 150))
  }
  return 'gave up'
}

interface Answer {
  /** For the tally. */
  readonly what: string
  readonly paid?: number
  readonly code?: string
}

async function post(url: string, key: string, body: object, timeoutMs: number): Promise<Answer> {
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'idempotency-key': key },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(timeoutMs),
    })
    const { id, code } = (await response.json()) as { id?: number; code?: string }
    if (response.status !== 201 || id === undefined) {
      return { what: `${response.status} ${code ?? ''}`, ...(code === undefined ? {} : { code }) }
    }
    const isReplay = response.headers.get('idempotent-replayed') === 'true'
    const isDegraded = response.headers.get('idempotency-degraded') === 'true'
    return { what: `201${isReplay ? ' replayed' : isDegraded ? ' without Redis' : ''}`, paid: id }
  } catch (error) {
    const isTimeout = error instanceof Error && error.name === 'TimeoutError'
    return { what: isTimeout ? 'hung up' : 'no answer' }
  }
}
