/**
 * What every process of PayFlow is built from: configuration, log, problem+json, authentication,
 * calls to other services, database, health, metrics and an orderly end.
 *
 * @packageDocumentation
 */
export {
  callerOf,
  requireService,
  requireUser,
  requireUserOrService,
  userOf,
  type Caller,
} from './authenticate.ts'
export {
  amqpUrlVariable,
  ConfigError,
  httpUrlVariable,
  integerVariable,
  loadConfig,
  portVariable,
  postgresUrlVariable,
  processVariables,
  redisUrlVariable,
  secretVariable,
  type ConfigFault,
  type Environment,
  type ProcessConfig,
} from './config.ts'
export { decodeCursor, encodeCursor } from './cursor.ts'
export { isDatabaseUnavailable } from './database-errors.ts'
export {
  createDatabase,
  DATABASE_POOL_MAX,
  type Database,
  type DatabaseOptions,
} from './database.ts'
export { escapeHtml } from './escape-html.ts'
export { errorToProblem } from './error-to-problem.ts'
export {
  openEventStream,
  type EventStream,
  type EventStreamOptions,
  type StreamEnd,
} from './event-stream.ts'
export { oncePerScrape, registerGauge, type GaugeDescription, type SetGauge } from './gauges.ts'
export { createHealth, type CheckResult, type Health, type HealthCheck } from './health.ts'
export { createHttpApp, createMetricsApp, sendProblem, type HttpAppOptions } from './http-app.ts'
export {
  createHttpClient,
  type HttpAnswer,
  type HttpCall,
  type HttpClient,
  type HttpClientOptions,
  type OpenAnswer,
  type RawAnswer,
} from './http-client.ts'
export { listen, type HttpServer, type ListenOptions } from './http-server.ts'
export { addLogContext, logContext, withLogContext, type LogFields } from './log-context.ts'
export { createLogger, describeError, type Logger, type LoggerOptions } from './logger.ts'
export { createMetrics, type Metrics } from './metrics.ts'
export { noProbe, processProbe, type Probe } from './probes.ts'
export { problem, ProblemError, unavailable, type ProblemOptions } from './problem-error.ts'
export { currentRequestId } from './request-id.ts'
export {
  startRetention,
  type Retention,
  type RetentionOptions,
  type RetentionRule,
} from './retention.ts'
export { route, routeOf, type MethodHandlers } from './routes.ts'
export {
  runService,
  type ServiceContext,
  type ServiceDefinition,
  type StartedService,
} from './run-service.ts'
export {
  callerKeys,
  serviceKeyFaults,
  serviceKeyVariable,
  serviceKeyVariables,
  type CallerKeys,
  type ServiceAudience,
  type ServiceKey,
} from './service-keys.ts'
export {
  createServiceVerifier,
  mintServiceToken,
  serviceTokens,
  type ServiceTokenOptions,
  type ServiceVerifier,
} from './service-tokens.ts'
export { createShutdown, stopOnSignals, type Shutdown, type ShutdownOptions } from './shutdown.ts'
export { createStreamSlots, type StreamSlots, type StreamSlotsOptions } from './stream-slots.ts'
export {
  continueTrace,
  inSpan,
  startTracing,
  traceRequest,
  tracingVariables,
  type CallerTrace,
  type TraceHeaders,
  type Tracing,
  type TracingConfig,
  type TracingOptions,
} from './tracing/index.ts'
export { UpstreamError, type UpstreamErrorCode } from './upstream-error.ts'
export {
  createUserTokens,
  USER_TOKEN_ALGORITHM,
  USER_TOKEN_AUDIENCE,
  USER_TOKEN_ISSUER,
  type TokenUser,
  type UserTokens,
  type UserTokensOptions,
} from './user-tokens.ts'
export { parse, validationFailed, type RequestPart } from './validate.ts'
