import type { ChildProcess } from 'node:child_process'
import type { ProbeAction } from './child-probe.ts'
import { waitFor } from './wait-for.ts'

export interface WaitOptions {
  /** @defaultValue 60000 */
  readonly timeoutMs?: number
}

interface ProbeMessage {
  readonly payflowProbe: 'armed' | 'reached'
  readonly id?: number
  readonly probe?: string
  readonly detail?: unknown
}

/** True for messages of the probe protocol, which are none of the test's own. @internal */
export function isProbeMessage(message: unknown): message is ProbeMessage {
  return typeof message === 'object' && message !== null && 'payflowProbe' in message
}

/** The parent's end of the probe protocol (see child-probe.ts), for any process with an IPC channel. */
export class ProbeLink {
  readonly #process: ChildProcess
  readonly #exitError: () => Error
  readonly #armed = new Set<number>()
  readonly #reached: { probe: string; detail: unknown }[] = []
  #ended = false
  #lastId = 0

  constructor(process: ChildProcess, exited: Promise<unknown>, exitError: () => Error) {
    this.#process = process
    this.#exitError = exitError
    process.on('message', (message) => this.#receive(message))
    void exited.then(() => (this.#ended = true))
  }

  arm(probe: string, action: ProbeAction, skip = 0, only?: unknown): Promise<void> {
    return this.#order({ payflowProbe: 'arm', probe, action, skip, only })
  }

  disarm(probe: string): Promise<void> {
    return this.#order({ payflowProbe: 'disarm', probe })
  }

  go(probe: string): void {
    this.#send({ payflowProbe: 'go', probe })
  }

  async reached(probe: string, options?: WaitOptions): Promise<unknown> {
    const take = () => {
      const index = this.#reached.findIndex((pass) => pass.probe === probe)
      return index === -1 ? undefined : this.#reached.splice(index, 1)[0]
    }
    return (await this.waitWhileAlive(take, `probe ${probe}`, options)).detail
  }

  /** Like waitFor, but fails at once when the process has ended without giving the answer. */
  async waitWhileAlive<T>(look: () => T | undefined, what: string, o?: WaitOptions): Promise<T> {
    const answer = await waitFor(
      () => {
        const value = look()
        if (value !== undefined) return { value }
        return this.#ended ? { error: this.#exitError() } : undefined
      },
      { timeoutMs: o?.timeoutMs ?? 60_000, intervalMs: 5, message: `${what} of the child` },
    )
    if ('error' in answer) throw answer.error
    return answer.value
  }

  async #order(order: object): Promise<void> {
    this.#lastId += 1
    const id = this.#lastId
    this.#send({ ...order, id })
    await this.waitWhileAlive(() => this.#armed.delete(id) || undefined, 'the arming of a probe')
  }

  #send(message: object): void {
    if (!this.#process.connected) throw this.#exitError()
    this.#process.send(message, () => undefined)
  }

  #receive(message: unknown): void {
    if (!isProbeMessage(message)) return
    if (message.payflowProbe === 'armed') this.#armed.add(message.id ?? 0)
    else this.#reached.push({ probe: message.probe ?? '', detail: message.detail })
  }
}
