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
  /** From now on "not ready": the process is stopping and wants no new work. */
  drain(): void
  /** Whether the process is stopping. */
  readonly draining: boolean
  /** 200 while the process runs at all. Asks nobody: a database outage must not restart it. */
  readonly live: (req: Request, res: Response) => void
  /** 200 when all that is required is there, otherwise 503, with each check in the body. */
  readonly ready: (req: Request, res: Response) => Promise<void>
}

/** A check that takes longer than this has failed. Kubernetes' probes give up after 1 s. */
const CHECK_TIMEOUT_MS = 800

/** Creates the health of a process. */
export function createHealth(): Health {
  const checks: { name: string; required: boolean; check: HealthCheck }[] = []
  let draining = false
  return {
    require: (name, check) => void checks.push({ name, required: true, check }),
    observe: (name, check) => void checks.push({ name, required: false, check }),
    drain() {
      draining = true
    },
    get draining() {
      return draining
    },
    live: (_req, res) => void res.json({ status: 'live' }),
    async ready(_req, res) {
      const results = await Promise.all(
        checks.map(async ({ name, check, required }) => ({
          name,
          required,
          result: await runCheck(check),
        })),
      )
      const ready = !draining && results.every((one) => !one.required || one.result.status === 'up')
      res.status(ready ? 200 : 503).json({
        status: draining ? 'draining' : ready ? 'ready' : 'not_ready',
        checks: Object.fromEntries(
          results.map(({ name, required, result }) => [name, { ...result, required }]),
        ),
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
