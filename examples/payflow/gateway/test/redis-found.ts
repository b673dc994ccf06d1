import { waitFor } from '@payflow/testkit'

/** Resolves when a gateway has found Redis: it listens before, and then leaves it alone for a second. */
export async function redisFound(url: string): Promise<void> {
  const look = async (): Promise<boolean> => {
    const answer = await fetch(`${url}/health/ready`)
    const { checks } = (await answer.json()) as { checks: Record<string, { status: string }> }
    return checks['redis']?.status === 'up'
  }
  await waitFor(look, { timeoutMs: 60_000, message: 'the gateway to find Redis' })
}
