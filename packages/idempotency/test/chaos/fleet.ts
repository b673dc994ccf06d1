import { between, spawnChild, waitFor } from '@payflow/testkit'
import type { Child, Random } from '@payflow/testkit'

const program = new URL('../support/payment-app.ts', import.meta.url)

/** Every point of a payment at which its process can be killed, in their order. */
export const killPoints = [
  'claim.acquired',
  'effect.begun',
  'effect.done',
  'effect.committed',
  'claim.completing',
  'claim.completed',
] as const

/** Several processes with the same route. One that dies is replaced; its address is dead so long. */
export interface Fleet extends AsyncDisposable {
  /** The address of one of them, alive or not: a load balancer does not know at once either. */
  address(random: Random): string
  /**
   * Kills one of them inside a payment, and answers how to start another in its place;
   * `undefined` if it had no payment to be killed in.
   */
  killAt(
    point: string,
    random: Random,
    isOver: () => boolean,
  ): Promise<(() => Promise<void>) | undefined>
}

interface Member {
  child: Child
  url: string
}

export async function openFleet(size: number, env: Record<string, string>): Promise<Fleet> {
  const boot = async (): Promise<Member> => {
    const child = await spawnChild(program, { env })
    const { port } = await child.message<{ port: number }>((m) => m.port !== undefined, {
      timeoutMs: 60_000,
    })
    return { child, url: `http://127.0.0.1:${port}/payments` }
  }
  const members = await Promise.all(Array.from({ length: size }, boot))
  return {
    address: (random) => members[between(random, 0, size - 1)]!.url,
    async killAt(point, random, isOver) {
      const number = between(random, 0, size - 1)
      const { child } = members[number]!
      let isGone = false
      void child.exited.then(() => (isGone = true))
      // Not always the first payment to pass: the others are then somewhere in the middle.
      await child.arm(point, 'kill', { skip: between(random, 0, 5) })
      await waitFor(() => isGone || isOver(), { timeoutMs: 60_000, message: `nobody at ${point}` })
      if (!isGone) return undefined
      return async () => {
        members[number] = await boot()
      }
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(members.map(({ child }) => child.kill()))
    },
  }
}
