import { AsyncResource } from 'node:async_hooks'
import express, {
  type Express,
  type NextFunction,
  type Request,
  type RequestHandler,
  type Response,
} from 'express'
import helmet from 'helmet'
import { errorToProblem } from './error-to-problem.ts'
import type { Health } from './health.ts'
import { jsonBody } from './json-body.ts'
import type { Logger } from './logger.ts'
import type { Metrics } from './metrics.ts'
import { problem, type ProblemError } from './problem-error.ts'
import { currentRequestId, requestId } from './request-id.ts'
import { redactText } from './redact.ts'
import { routeOf } from './routes.ts'
import { traceRequest, type CallerTrace } from './tracing/trace-request.ts'

/** Options of {@link createHttpApp}. */
export interface HttpAppOptions {
  readonly logger: Logger
  readonly metrics: Metrics
  readonly health: Health
  /** Adds the routes of the service. */
  readonly routes: (app: Express) => void
  /** Whether `/metrics` is answered. @defaultValue true */
  readonly showMetrics?: boolean
  /** Security headers. @defaultValue helmet's, for an API that is no web page */
  readonly securityHeaders?: RequestHandler
  /**
   * What becomes of the trace a request comes with.
   * @defaultValue it goes on: callers are our own processes
   */
  readonly callerTrace?: (req: Request) => CallerTrace
}

/**
 * Creates the Express application all processes share: request ids, traces, access log, metrics,
 * health, JSON bodies, and an answer in problem+json to whatever goes wrong.
 */
export function createHttpApp(options: HttpAppOptions): Express {
  const { logger, metrics, health } = options
  const app = express()
  app.disable('x-powered-by')
  // Answers change with every payment, and a 304 for a balance helps nobody.
  app.disable('etag')
  app.use(requestId)
  app.get('/health/live', health.live)
  app.get('/health/ready', health.ready)
  app.get('/health/startup', health.startup)
  if (options.showMetrics ?? true) answerMetrics(app, metrics)
  app.use(traceRequest(options.callerTrace ?? (() => 'continue')))
  app.use(metrics.measureRequest)
  app.use(logRequest(logger))
  app.use(function endConnectionWhenDraining(_req, res, next) {
    // A stopping process ends its connections with the answer, so that callers go elsewhere.
    if (health.draining) res.setHeader('connection', 'close')
    next()
  })
  app.use(options.securityHeaders ?? helmet({ contentSecurityPolicy: apiPolicy }))
  app.use(jsonBody())
  options.routes(app)
  app.use(function refuseUnknownPath() {
    throw problem('route-not-found')
  })
  app.use(problemAnswers(logger))
  return app
}

/** Creates the application that answers `/metrics` on a port of its own, and nothing else. */
export function createMetricsApp({
  logger,
  metrics,
}: Pick<HttpAppOptions, 'logger' | 'metrics'>): Express {
  const app = express()
  app.disable('x-powered-by')
  app.disable('etag')
  app.use(requestId)
  answerMetrics(app, metrics)
  app.use(function refuseUnknownPath() {
    throw problem('route-not-found')
  })
  app.use(problemAnswers(logger))
  return app
}

function answerMetrics(app: Express, { registry }: Metrics): void {
  app.get('/metrics', async (_req, res) => {
    res.type(registry.contentType).send(await registry.metrics())
  })
}

/** An API answer must never be rendered as a page. */
const apiPolicy = {
  useDefaults: false,
  directives: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] },
}

function logRequest(logger: Logger): RequestHandler {
  return function logAccess(req, res, next) {
    const startedAt = performance.now()
    // The query may hold names and addresses, so only the path is written.
    const path = redactText(req.path)
    const { method } = req
    // `close` comes from the socket, which belongs to many requests.
    const write = AsyncResource.bind(() => {
      const durationMs = Math.round((performance.now() - startedAt) * 10) / 10
      const status = res.writableFinished ? res.statusCode : 'aborted'
      const line = `${method} ${path} ${status}`
      logger.info({ method, path, route: routeOf(req), status, durationMs }, line)
    })
    res.once('close', write)
    next()
  }
}

function problemAnswers(logger: Logger) {
  // Express knows an error handler by its four parameters.
  return function answerProblem(
    error: unknown,
    _req: Request,
    res: Response,
    next: NextFunction,
  ): void {
    const answer = errorToProblem(error)
    if (answer.status >= 500) {
      const level = answer.status === 500 ? 'error' : 'warn'
      logger[level]({ err: answer.cause ?? answer }, answer.message)
    }
    if (res.headersSent) {
      next(error) // Express cuts the connection: half an answer must not look like a whole one.
      return
    }
    sendProblem(res, answer)
  }
}

/** Sends a problem as the answer. */
export function sendProblem(res: Response, answer: ProblemError): void {
  for (const [name, value] of Object.entries(answer.headers)) res.setHeader(name, value)
  res
    .status(answer.status)
    .setHeader('cache-control', 'no-store')
    .type('application/problem+json')
    .send(JSON.stringify(answer.toBody(currentRequestId())))
}
