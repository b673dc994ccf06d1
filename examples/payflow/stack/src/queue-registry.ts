import { globSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { waitFor } from '@payflow/testkit'

// RabbitMQ 3.10 answers the declaration of a quorum queue up to three seconds before the queue is in
// its registry on disk (a DETS table, written late). Killed in between, it comes back with a queue
// that has no leader, for ever. Later versions and containers keep the registry elsewhere, and
// nothing is waited for.
const REGISTRY = 'mnesia/*/quorum/*/names.dets'
const LONGEST_WAIT_MS = 6_000

/**
 * Resolves when every quorum queue of the broker whose data are in the folder survives a SIGKILL,
 * or after six seconds. Resolves with whether it does.
 */
export async function queuesWritten(dataDir: string): Promise<boolean> {
  try {
    return await waitFor(() => areQueuesWritten(dataDir), {
      timeoutMs: LONGEST_WAIT_MS,
      intervalMs: 50,
    })
  } catch {
    return false
  }
}

export function areQueuesWritten(dataDir: string): boolean {
  return globSync(REGISTRY, { cwd: dataDir }).every((path) => {
    const registry = join(dataDir, path)
    // A queue is a folder beside the registry, under the name that the registry has for it.
    const queues = readdirSync(dirname(registry), { withFileTypes: true })
    const known = readFileSync(registry, 'latin1')
    return queues.every((entry) => !entry.isDirectory() || known.includes(entry.name))
  })
}
