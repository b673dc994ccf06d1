import { setTimeout as pause } from 'node:timers/promises'
import { context } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import type { Logger } from '../logger.ts'
import { tracesUrl, type TracingConfig } from './variables.ts'

/** Options of {@link startTracing}. */
export interface TracingOptions {
  /** `service.name` of the spans, unless `OTEL_SERVICE_NAME` says another. */
  readonly service: string
  readonly config: TracingConfig
  readonly logger: Logger
}

/** The traces of a process. */
export interface Tracing {
  /** Sends what has not been sent, for `withinMs` at most. Never rejects. */
  stop(withinMs: number): Promise<void>
}

/**
 * Lets traces pass through the process, and records its part of them where an endpoint is set.
 *
 * Without one the SDK is not even loaded: the context of a caller is taken over, stands on log
 * lines and goes on to whoever is called, and nothing is recorded. A collector that is away or
 * hangs costs the spans, a line in the log, and at most `withinMs` of the end.
 */
export async function startTracing(options: TracingOptions): Promise<Tracing> {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
  const url = tracesUrl(options.config)
  if (url === undefined) return { stop: async () => undefined }
  const { startSdk } = await import('./sdk.ts')
  const provider = startSdk({ ...options, url })
  return {
    async stop(withinMs) {
      // The exporter has said what went wrong.
      const sent = provider.shutdown().catch(() => undefined)
      await Promise.race([sent, pause(withinMs, undefined, { ref: false })])
    },
  }
}
