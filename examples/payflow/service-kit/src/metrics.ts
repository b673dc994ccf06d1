import { collectDefaultMetrics, Histogram, Registry } from 'prom-client'
import type { NextFunction, Request, Response } from 'express'
import { httpMethod } from './http-method.ts'
import { routeOf } from './routes.ts'

/** The metrics of a process. */
export interface Metrics {
  /** Where further metrics are registered. */
  readonly registry: Registry
  /** Measures every request: `http_request_duration_seconds{method,route,status_code}`. */
  readonly measureRequest: (req: Request, res: Response, next: NextFunction) => void
  /** Stops collecting. */
  close(): void
}

/**
 * Creates the metrics of a process: Node's own and the duration of HTTP requests. Every label has
 * few values: the route is its pattern, and a method nobody serves is `_OTHER`.
 */
export function createMetrics(service: string): Metrics {
  const registry = new Registry()
  registry.setDefaultLabels({ service })
  collectDefaultMetrics({ register: registry })
  // Sums of what `nodejs_active_resources` has by type, under a suffix that is for counters.
  for (const what of ['handles', 'requests', 'resources']) {
    registry.removeSingleMetric(`nodejs_active_${what}_total`)
  }
  const duration = new Histogram({
    name: 'http_request_duration_seconds',
    help: 'Time from the first byte of a request to the last of its answer',
    labelNames: ['method', 'route', 'status_code'] as const,
    // From a cached answer on loopback to the longest deadline of any route.
    buckets: [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    registers: [registry],
  })
  return {
    registry,
    measureRequest(req, res, next) {
      const stop = duration.startTimer()
      // `close`, not `finish`: an aborted request emits only the former.
      res.once('close', () => {
        const method = httpMethod(req)
        const status = res.writableFinished ? String(res.statusCode) : 'aborted'
        stop({ method, route: routeOf(req), status_code: status })
      })
      next()
    },
    close() {
      registry.clear()
    },
  }
}
