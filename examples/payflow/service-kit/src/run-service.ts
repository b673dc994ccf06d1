import type { Express } from 'express'
import { z } from 'zod'
import {
  ConfigError,
  loadConfig,
  processVariables,
  type ConfigFault,
  type ProcessConfig,
} from './config.ts'
import { createHealth, type Health } from './health.ts'
import { createHttpApp, createMetricsApp, type HttpAppOptions } from './http-app.ts'
import { listen } from './http-server.ts'
import { createLogger, type Logger } from './logger.ts'
import { createMetrics, type Metrics } from './metrics.ts'
import { processProbe, type Probe } from './probes.ts'
import { createShutdown, stopOnSignals, type Shutdown } from './shutdown.ts'
import { startTracing } from './tracing/start-tracing.ts'
import { tracingVariables, type TracingConfig } from './tracing/variables.ts'

/** What a process is given to work with. */
export interface ServiceContext<C> {
  readonly config: C & ProcessConfig
  readonly logger: Logger
  readonly metrics: Metrics
  readonly health: Health
  readonly shutdown: Shutdown
  readonly probe: Probe
}

/** What {@link ServiceDefinition.start} returns. */
export interface StartedService extends Pick<HttpAppOptions, 'securityHeaders' | 'callerTrace'> {
  /** Adds the routes. A process without any still answers health and metrics. */
  readonly routes?: (app: Express) => void
}

/** A process of PayFlow. */
export interface ServiceDefinition<V extends z.core.$ZodShape> {
  readonly name: string
  /** The environment variables it reads beside {@link processVariables}. */
  readonly variables: V
  /** Finds what is wrong with the environment as a whole. @defaultValue nothing is */
  readonly faults?: (config: ProcessConfig & z.output<z.ZodObject<V>>) => readonly ConfigFault[]
  /** Opens what it needs and adds the closing of it to `shutdown`. Must not wait for a server. */
  start(context: ServiceContext<z.output<z.ZodObject<V>>>): Promise<StartedService> | StartedService
}

/** `sysexits.h`: EX_CONFIG. Told apart from a crash, for no restart will help. */
const EXIT_CONFIG = 78

/** A collector that hangs must not make an orderly end late. */
const FLUSH_MS_MAX = 1_000

/**
 * Runs one process from its environment to its last breath: configuration, log, metrics, health,
 * HTTP and an orderly end on SIGTERM. Its servers (database, broker, …) may be away when it starts;
 * readiness says so until they are there.
 */
export async function runService<V extends z.core.$ZodShape>(
  definition: ServiceDefinition<V>,
): Promise<void> {
  const { name } = definition
  const config = readConfig(definition)
  const logger = createLogger({ service: name, level: config.LOG_LEVEL })
  const metrics = createMetrics(name)
  const health = createHealth()
  const ending = { logger, deadlineMs: config.SHUTDOWN_DEADLINE_MS }
  const shutdown = createShutdown(ending)
  stopOnSignals(shutdown, ending)
  const tracing = await startTracing({ service: name, config, logger })
  // Added first, hence last to run: what the other steps do is traced too.
  shutdown.add('tracing', () => tracing.stop(Math.min(FLUSH_MS_MAX, shutdown.remainingMs(250))))
  const probe = processProbe()
  const started = await definition.start({ config, logger, metrics, health, shutdown, probe })
  const { routes = () => undefined, ...appOptions } = started
  const { HOST: host, METRICS_PORT: metricsPort } = config
  if (metricsPort !== undefined) {
    const apart = await listen({
      app: createMetricsApp({ logger, metrics }),
      host,
      port: metricsPort,
    })
    shutdown.add('metrics', () => apart.close(0))
  }
  const showMetrics = metricsPort === undefined
  const app = createHttpApp({ logger, metrics, health, routes, showMetrics, ...appOptions })
  const server = await listen({ app, host, port: config.PORT })
  // Added last, hence first to run: nothing new comes in while the rest is closed.
  shutdown.add('http', async () => {
    health.drain()
    await server.close(shutdown.remainingMs(2_000))
  })
  logger.info({ port: server.port, pid: process.pid }, `listening on port ${server.port}`)
}

function readConfig<V extends z.core.$ZodShape>(definition: ServiceDefinition<V>) {
  const { name, variables, faults = () => [] } = definition
  try {
    const schema = z.object({ ...processVariables, ...tracingVariables, ...variables })
    const config = loadConfig(schema) as ProcessConfig & TracingConfig & z.output<z.ZodObject<V>>
    const found = faults(config)
    if (found.length > 0) throw new ConfigError(found)
    return config
  } catch (error) {
    if (!ConfigError.is(error)) throw error
    const logger = createLogger({ service: name })
    logger.fatal({ faults: error.faults }, error.message)
    process.exit(EXIT_CONFIG)
  }
}
