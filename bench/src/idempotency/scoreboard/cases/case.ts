import type { Answer, Sent } from '../http.ts'
import { send } from '../http.ts'
import type { App, Lab } from '../lab.ts'

/** A hazard as something that happens to an app, and what must be seen from outside. */
export interface HazardCase {
  readonly id: string
  /** What the user of a library wants to be true. */
  readonly wants: string
  /** Answers in a few words what was seen; throws {@link Failed} with what went wrong. */
  run(lab: Lab): Promise<string>
}

/** The contender did something else, in one line. */
export class Failed extends Error {
  override readonly name = 'Failed'
}

export function check(condition: boolean, otherwise: string): asserts condition {
  if (!condition) throw new Failed(otherwise)
}

/** `Σ payments` must be this. */
export function paid(lab: Lab, times: number): void {
  const effects = lab.effects()
  check(effects === times, `paid ${effects} times instead of ${times === 1 ? 'once' : times}`)
}

/** Is this the same answer again? */
export function same(first: Answer, again: Answer, what = 'the retry'): void {
  check(again.status === first.status, `${what} got ${again.status}, the first ${first.status}`)
  check(
    again.body.equals(first.body),
    `${what} got other bytes: ${again.body.length} instead of ${first.body.length}`,
  )
}

/** Refused for good: no "try again" that never ends, no success. */
export const isRefusal = (answer: Answer): boolean =>
  answer.status >= 400 && answer.status < 500 && answer.status !== 409

/** A request whose handler is held at a probe. */
export interface Held {
  readonly answer: Promise<Answer | Error>
  go(): void
}

/** Sends a request and waits until its handler stands at the probe. */
export async function hold(app: App, url: string, sent: Sent, probe: string): Promise<Held> {
  await app.child.arm(probe, 'stop')
  const answer = send(url, { patienceMs: 12_000, ...sent }).catch(
    (error: unknown) => error as Error,
  )
  await app.child.reached(probe, { timeoutMs: 5_000 })
  return { answer, go: () => app.child.go(probe) }
}

/** The answer of a request that was held; it must have come. */
export async function answered(held: Held): Promise<Answer> {
  const answer = await held.answer
  if (answer instanceof Error) throw new Failed('the first request got no answer')
  return answer
}

/** How a hazard is described that has no row here. */
export interface LeftOut {
  readonly id: string
  readonly why: string
}
