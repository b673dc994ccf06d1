/** The checks as they are mounted in the real application, read from Express itself. */
import {
  createHealth,
  createHttpApp,
  createLogger,
  createMetrics,
  createShutdown,
  loadConfig,
  noProbe,
  processVariables,
} from '@payflow-app/service-kit'
import { z } from 'zod'
import { gatewayVariables } from '../src/config.ts'
import { gatewayService } from '../src/service.ts'

interface Layer {
  readonly name: string
  readonly method?: string
  readonly route?: { readonly path: string; readonly stack: readonly Layer[] }
}

/** What is mounted, in order: a middleware by its name, a route with the checks of each method. */
export type Mounted =
  | { readonly kind: 'middleware'; readonly name: string }
  | {
      readonly kind: 'route'
      readonly path: string
      readonly methods: Readonly<Record<string, readonly string[]>>
    }

/** Builds the application of the gateway, without listening and without any server behind it. */
export async function realChecks(): Promise<Mounted[]> {
  const nowhere = 'http://127.0.0.1:9'
  const config = loadConfig(z.object({ ...processVariables, ...gatewayVariables }), {
    REDIS_URL: 'redis://127.0.0.1:9',
    JWKS_URL: nowhere,
    AUTH_URL: nowhere,
    WALLET_URL: nowhere,
    TRANSACTION_URL: nowhere,
    NOTIFICATION_URL: nowhere,
    LOG_LEVEL: 'fatal',
  })
  const logger = createLogger({ service: 'gateway', level: 'fatal' })
  const metrics = createMetrics('gateway')
  const health = createHealth()
  const shutdown = createShutdown({ logger, deadlineMs: 1_000 })
  const started = await gatewayService.start({
    config,
    logger,
    metrics,
    health,
    shutdown,
    probe: noProbe,
  })
  const { routes = () => undefined, ...options } = started
  const app = createHttpApp({ logger, metrics, health, routes, ...options })
  await shutdown.stop('only looked at')
  metrics.close()
  return (app.router.stack as readonly Layer[]).map(({ name, route }) =>
    route
      ? { kind: 'route', path: route.path, methods: methodsOf(route.stack) }
      : { kind: 'middleware', name },
  )
}

/** Those that `route()` adds to each path, which belong to none of its methods. */
const ofAllMethods = new Set(['rememberRoute', 'refuseOtherMethods'])

function methodsOf(stack: readonly Layer[]): Record<string, string[]> {
  const methods: Record<string, string[]> = {}
  for (const { name, method } of stack) {
    if (ofAllMethods.has(name)) continue
    ;(methods[(method ?? 'ALL').toUpperCase()] ??= []).push(name)
  }
  return methods
}
