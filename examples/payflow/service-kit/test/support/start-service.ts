import { spawnChild, waitFor, type Child } from '@payflow/testkit'

/** A service that runs as a process of its own. */
export interface RunningService {
  readonly child: Child
  readonly url: string
  /** The log lines it has written, parsed. */
  logs(): Record<string, unknown>[]
  /** SIGTERM, and its exit code. */
  stop(): Promise<number | null>
}

/** Booting takes a second; who is not up in two minutes hangs. */
const START_TIMEOUT_MS = 120_000

/**
 * Starts a service's `main.ts` on a port of its own, probes armed, and resolves when it listens.
 *
 * @throws when it ends before that, with what it logged.
 */
export async function startService(
  entry: URL,
  env: Readonly<Record<string, string | undefined>>,
): Promise<RunningService> {
  const child = await spawnChild(entry, {
    env: { NODE_ENV: 'test', PAYFLOW_PROBES: '1', LOG_LEVEL: 'info', PORT: '0', ...env },
  })
  let ended = false
  void child.exited.then(() => (ended = true))
  const found = await waitFor(
    () => /"port":(\d+)/.exec(child.stdout()) ?? (ended ? ['ended'] : undefined),
    { timeoutMs: START_TIMEOUT_MS, message: () => `${entry.pathname} to listen` },
  )
  const [, port] = found
  if (port === undefined) {
    throw new Error(`${entry.pathname} ended:\n${child.stdout()}${child.stderr()}`)
  }
  return {
    child,
    url: `http://127.0.0.1:${port}`,
    logs: () => child.stdout().split('\n').flatMap(parseLine),
    stop: async () => (await child.kill('SIGTERM')).code,
  }
}

function parseLine(line: string): Record<string, unknown>[] {
  try {
    return [JSON.parse(line) as Record<string, unknown>]
  } catch {
    return []
  }
}
