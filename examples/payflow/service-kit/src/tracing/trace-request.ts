import { AsyncResource } from 'node:async_hooks'
import {
  context,
  isSpanContextValid,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
  TraceFlags,
  type Attributes,
  type Span,
  type SpanContext,
} from '@opentelemetry/api'
import type { Request, RequestHandler } from 'express'
import { httpMethod } from '../http-method.ts'
import { redactText } from '../redact.ts'
import { routeOf } from '../routes.ts'
import { startPageSpan } from './page-span.ts'
import { tracer } from './spans.ts'
import { readTraceContext, unrecordedRoot } from './trace-context.ts'

/**
 * What a process does with the trace of a caller. `continue`: callers are our own processes. `page`:
 * the caller is our page, whose trace goes on, but whether it is recorded is decided here. `begin`:
 * the caller is anybody; a trace of our own begins, with a link to theirs. `ignore`: no span.
 */
export type CallerTrace = 'continue' | 'page' | 'begin' | 'ignore'

interface Begun {
  readonly span: Span
  /** The span of the page that asks, which ends with ours. */
  readonly page?: Span | undefined
}

/** Makes the span of each request, and the context that everything done for it has. */
export function traceRequest(callerTrace: (req: Request) => CallerTrace): RequestHandler {
  return function traceRequest(req, res, next) {
    const how = callerTrace(req)
    if (how === 'ignore') {
      next()
      return
    }
    const begun = begin(req, how)
    const active = trace.setSpan(ROOT_CONTEXT, begun.span)
    if (begun.span.isRecording()) {
      // `close` comes from the socket, which belongs to many requests.
      const end = AsyncResource.bind(() =>
        finish(begun, req, res.writableFinished ? res.statusCode : undefined),
      )
      res.once('close', end)
    }
    context.with(active, next)
  }
}

function begin(req: Request, how: CallerTrace): Begun {
  const method = httpMethod(req)
  const caller = readTraceContext((name) => req.get(name))
  if (caller !== undefined && how === 'page') {
    const page = startPageSpan(tracer, `page ${method}`, caller)
    // Nobody records here: the page's ids go on, as those of a trace that is not sampled.
    const parent = isSpanContextValid(page.spanContext())
      ? page
      : trace.wrapSpanContext({ ...caller, traceFlags: TraceFlags.NONE })
    return { span: serverSpan(req, method, parent), page }
  }
  if (how === 'continue' && caller !== undefined) {
    return { span: serverSpan(req, method, trace.wrapSpanContext(caller)) }
  }
  return { span: serverSpan(req, method, undefined, caller) }
}

function serverSpan(req: Request, method: string, parent?: Span, linked?: SpanContext): Span {
  const span = tracer.startSpan(
    method,
    {
      kind: SpanKind.SERVER,
      attributes: {
        'http.request.method': method,
        'url.path': redactText(req.path),
        'url.scheme': req.protocol,
      },
      ...(linked !== undefined && { links: [{ context: linked }] }),
    },
    parent === undefined ? ROOT_CONTEXT : trace.setSpan(ROOT_CONTEXT, parent),
  )
  return isSpanContextValid(span.spanContext()) ? span : trace.wrapSpanContext(unrecordedRoot())
}

/** Without a status the caller hung up before there was an answer. */
function finish({ span, page }: Begun, req: Request, status: number | undefined): void {
  const name = `${httpMethod(req)} ${routeOf(req)}`
  const attributes: Attributes = { 'http.route': routeOf(req) }
  if (status !== undefined) attributes['http.response.status_code'] = status
  if (status === undefined || status >= 500) {
    attributes['error.type'] = status === undefined ? 'aborted' : String(status)
    span.setStatus({ code: SpanStatusCode.ERROR })
  }
  span.updateName(name).setAttributes(attributes).end()
  page?.updateName(`page ${name}`).setAttributes(attributes).end()
}
