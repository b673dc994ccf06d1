import type { Request, Response } from 'express'

/** Looks whether something the process needs is there. Rejects when it is not. */
export type HealthCheck = (signal: AbortSignal) => Promise<unknown>

/** What readiness says about one need. */
export interface CheckResult {
  readonly status: 'up' | 'down'
  readonly durationMs: number
}

/** The health of a process. */
export interface Health {
  /** Adds something the process cannot work without. */
  require(name: string, check: HealthCheck): void
  /** Adds something it can do without, more slowly or later; shown, but never "not ready". */
  observe(name: string, check: HealthCheck): void
  /**
   * Adds something that must have been so once: the process has not started before. Looked at until
   * it is, and never again.
   */
  begin(name: string, check: HealthCheck): void
  /** From now on "not ready": the process is stopping and wants no new work. */
  drain(): void
  /** Whether the process is stopping. */
  readonly draining: boolean
  /** 200 while the process runs at all. Asks nobody: a database outage must not restart it. */
  readonly live: (req: Request, res: Response) => void
  /** 200 when what must have been so once has been, otherwise 503. Never goes back. */
  readonly startup: (req: Request, res: Response) => Promise<void>
  /** 200 when it has started and all that is required is there, otherwise 503, with each check in the body. */
  readonly ready: (req: Request, res: Response) => Promise<void>
}

/** A check that takes longer than this has failed. Kubernetes' probes give up after 1 s. */
const CHECK_TIMEOUT_MS = 800

/** Creates the health of a process. */
export function createHealth(): Health {
  const checks: { name: string; required: boolean; check: HealthCheck }[] = []
  const beginnings = new Map<string, HealthCheck>()
  const begun = new Set<string>()
  let draining = false
  const begin = async (): Promise<Record<string, CheckResult>> => {
    const waiting = [...beginnings].filter(([name]) => !begun.has(name))
    const results = await Promise.all(
      waiting.map(async ([name, check]) => {
        const result = await runCheck(check)
        if (result.status === 'up') begun.add(name)
        return [name, { ...result, required: true }] as const
      }),
    )
    return Object.fromEntries(results)
  }
  const hasBegun = () => begun.size === beginnings.size
  return {
    begin: (name, check) => void beginnings.set(name, check),
    require: (name, check) => void checks.push({ name, required: true, check }),
    observe: (name, check) => void checks.push({ name, required: false, check }),
    drain() {
      draining = true
    },
    get draining() {
      return draining
    },
    live: (_req, res) => void res.json({ status: 'live' }),
    async startup(_req, res) {
      const checks = hasBegun() ? {} : await begin()
      const status = hasBegun() ? 'started' : 'starting'
      res.status(hasBegun() ? 200 : 503).json({ status, checks })
    },
    async ready(_req, res) {
      const starting = hasBegun() ? {} : await begin()
      const results = await Promise.all(
        checks.map(async ({ name, check, required }) => ({
          name,
          required,
          result: await runCheck(check),
        })),
      )
      const up = results.every((one) => !one.required || one.result.status === 'up')
      const ready = !draining && hasBegun() && up
      res.status(ready ? 200 : 503).json({
        status: draining ? 'draining' : ready ? 'ready' : 'not_ready',
        checks: {
          ...starting,
          ...Object.fromEntries(
            results.map(({ name, required, result }) => [name, { ...result, required }]),
          ),
        },
      })
    },
  }
}

async function runCheck(check: HealthCheck): Promise<CheckResult> {
  const startedAt = performance.now()
  const signal = AbortSignal.timeout(CHECK_TIMEOUT_MS)
  const timedOut = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(new Error('timed out')), { once: true })
  })
  const status = await Promise.race([check(signal), timedOut]).then(
    () => 'up' as const,
    () => 'down' as const,
  )
  return { status, durationMs: Math.round(performance.now() - startedAt) }
}
