import { TestkitError } from './errors.ts'
import { openResources } from './open-resources.ts'
import { waitFor } from './wait-for.ts'

// Sockets, servers and child processes keep a process alive; Node names them so.
const WATCHED = ['TCPSocketWrap', 'TCPServerWrap', 'ProcessWrap']
// A socket needs a moment to close after its client's end() has resolved.
const GRACE_MS = 3_000

/** What is open before the first test of a file. @internal */
export function openHandles(): Map<string, number> {
  const counts = new Map<string, number>()
  for (const kind of process.getActiveResourcesInfo()) {
    if (WATCHED.includes(kind)) counts.set(kind, (counts.get(kind) ?? 0) + 1)
  }
  return counts
}

/**
 * Closes what the file left behind and throws, naming it.
 *
 * @throws {@link TestkitError} `TESTKIT_LEAK`
 */
export async function expectNothingOpen(before: ReadonlyMap<string, number>): Promise<void> {
  const leaks = openResources.list()
  const names = leaks.map((leak) => leak.description)
  for (const leak of leaks) await leak.close()
  const rest = await waitFor(() => (excess(before).length === 0 ? { open: [] } : undefined), {
    timeoutMs: GRACE_MS,
  }).catch(() => ({ open: excess(before) }))
  const all = [...names, ...rest.open]
  if (all.length === 0) return
  const list = all.map((name) => `  - ${name}`).join('\n')
  throw new TestkitError('TESTKIT_LEAK', `this test file left open:\n${list}`)
}

function excess(before: ReadonlyMap<string, number>): string[] {
  return [...openHandles()]
    .map(([kind, count]) => ({ kind, more: count - (before.get(kind) ?? 0) }))
    .filter(({ more }) => more > 0)
    .map(({ kind, more }) => `${more} × ${kind}`)
}
