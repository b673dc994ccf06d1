import { between, spawnChild } from '@payflow/testkit'
import type { Child, Random } from '@payflow/testkit'
import type { ConsumerHealth } from '../../src/index.ts'
import type { ChaosSettings, Role } from './child.ts'

/** What a process says when it has been ended in order. */
export interface Ended {
  readonly consumers: readonly ConsumerHealth[]
}

/** Two processes of each role. Who dies is replaced. */
export class Fleet implements AsyncDisposable {
  readonly #settings: Omit<ChaosSettings, 'role' | 'seed'>
  readonly #random: Random
  readonly #members = new Map<Role, Child[]>()
  #target = 0

  private constructor(settings: Omit<ChaosSettings, 'role' | 'seed'>, random: Random) {
    this.#settings = settings
    this.#random = random
  }

  static async open(
    settings: Omit<ChaosSettings, 'role' | 'seed'>,
    random: Random,
  ): Promise<Fleet> {
    const fleet = new Fleet(settings, random)
    for (const role of ['worker', 'relay', 'writer'] as const) {
      fleet.#members.set(role, [await fleet.#boot(role), await fleet.#boot(role)])
    }
    return fleet
  }

  /** Lets the writers write until so many messages are committed. */
  allow(target: number): void {
    this.#target = target
    for (const writer of this.#of('writer')) writer.send({ target })
  }

  /** One of a role, chosen by the seed. */
  pick(role: Role, random: Random): Child {
    const members = this.#of(role)
    return members[between(random, 0, members.length - 1)] as Child
  }

  /** Starts another in the place of one that is gone. */
  async replace(role: Role, gone: Child): Promise<void> {
    await gone.exited
    const members = this.#of(role)
    members[members.indexOf(gone)] = await this.#boot(role)
  }

  /** Ends every process of a role in order, and tells what they say of themselves. */
  async end(role: Role): Promise<Ended[]> {
    return await Promise.all(
      this.#of(role).map(async (child) => {
        child.kill('SIGTERM').catch(() => {})
        const { ended } = await child.message<{ ended: Ended }>((m) => m.ended !== undefined, {
          timeoutMs: 60_000,
        })
        await child.exited
        return ended
      }),
    )
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#members.values()].flat().map((child) => child.kill()))
  }

  #of(role: Role): Child[] {
    return this.#members.get(role) ?? []
  }

  async #boot(role: Role): Promise<Child> {
    const seed = between(this.#random, 0, 2 ** 31 - 1)
    const child = await spawnChild(new URL('child.ts', import.meta.url), {
      env: { SETTINGS: JSON.stringify({ ...this.#settings, role, seed }) },
    })
    await child.message((m) => m.ready === true, { timeoutMs: 60_000 })
    if (role === 'writer') child.send({ target: this.#target })
    return child
  }
}
