import { context, ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'
import type { Attributes, Context, Link, Span, SpanContext, Tracer } from '@opentelemetry/api'
import { QueueError } from '../errors.ts'
import type { ConsumedRef, IncomingRef, OutgoingRef, TraceHeaders } from '../telemetry.ts'
import {
  destination,
  errorType,
  incomingAttributes,
  operation,
  outgoingAttributes,
} from './attributes.ts'
import { spanContextOf, traceHeaders } from './trace-headers.ts'

/** Makes the spans of a bus; see `telemetry` for what they are. */
export class Spans {
  readonly #tracer: Tracer

  constructor(tracer: Tracer) {
    this.#tracer = tracer
  }

  /** A message that is written, or sent at once: a child of what runs now. */
  async produce<T>(
    name: 'create' | 'publish',
    message: OutgoingRef,
    run: (headers: TraceHeaders) => Promise<T>,
  ): Promise<T> {
    const { exchange, routingKey } = message
    const span = this.#tracer.startSpan(`${name} ${destination(exchange, routingKey)}`, {
      kind: SpanKind.PRODUCER,
      attributes: {
        ...operation(name, name === 'create' ? 'create' : 'send'),
        ...outgoingAttributes(message),
      },
    })
    return await within(context.active(), span, () => run(traceHeaders(span.spanContext())))
  }

  /**
   * A relay at work for many transactions: no child of any, linked to all. Its context is in no
   * message, hence the kind CLIENT.
   */
  async relay<T>(messages: readonly OutgoingRef[], run: () => Promise<T>): Promise<T> {
    const [only, ...others] = messages
    const span = this.#tracer.startSpan(
      'relay',
      {
        kind: SpanKind.CLIENT,
        attributes: {
          ...operation('relay', 'send'),
          'messaging.batch.message_count': messages.length,
          ...(only !== undefined && others.length === 0 ? outgoingAttributes(only) : {}),
        },
        links: linksTo(messages, (message) => ({ 'messaging.message.id': message.messageId })),
      },
      ROOT_CONTEXT,
    )
    return await within(ROOT_CONTEXT, span, run)
  }

  /**
   * Messages at a handler. One continues the trace it was created in; several can't, so their span
   * begins one of its own. All are linked, as the conventions ask.
   *
   * Never a child of what runs now: that is whatever code first made the connection.
   */
  async consume<T>(
    consumer: { readonly name: string; readonly queue: string },
    messages: readonly IncomingRef[],
    run: (tell: (result: ConsumedRef) => void) => Promise<T>,
  ): Promise<T> {
    const [only, ...others] = messages
    const single = others.length === 0 ? only : undefined
    const created = single === undefined ? undefined : spanContextOf(single.headers)
    const parent =
      created === undefined ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, created)
    const span = this.#tracer.startSpan(
      `process ${consumer.queue}`,
      {
        kind: SpanKind.CONSUMER,
        attributes: {
          ...operation('process', 'process'),
          'messaging.consumer.group.name': consumer.name,
          'messaging.destination.name': consumer.queue,
          ...(single === undefined
            ? { 'messaging.batch.message_count': messages.length }
            : incomingAttributes(single, consumer.queue)),
        },
        links: linksTo(messages, ({ messageId }) =>
          messageId === undefined ? {} : { 'messaging.message.id': messageId },
        ),
      },
      parent,
    )
    return await within(parent, span, () => run((result) => tell(span, result, single)))
  }
}

/** What became of a message: of the only one in attributes, of each of several in events. */
function tell(span: Span, result: ConsumedRef, single: IncomingRef | undefined): void {
  const { outcome, attempt, messageType, error } = result
  const attributes: Attributes = {
    'payflow.queue.outcome': outcome,
    'payflow.queue.attempt': attempt,
    'payflow.queue.message_type': messageType,
  }
  if (single === undefined) span.addEvent(`queue.${outcome}`, attributes)
  else span.setAttributes(attributes)
  if (outcome !== 'committed' && outcome !== 'duplicate') failed(span, error)
}

/** The text of an error may quote anybody's secret; ours name ids and queues only. */
function failed(span: Span, error: unknown): void {
  span.setAttribute('error.type', errorType(error))
  if (QueueError.is(error)) span.recordException(error)
  span.setStatus({ code: SpanStatusCode.ERROR })
}

async function within<T>(parent: Context, span: Span, run: () => Promise<T>): Promise<T> {
  try {
    return await context.with(trace.setSpan(parent, span), run)
  } catch (error) {
    failed(span, error)
    throw error
  } finally {
    span.end()
  }
}

function linksTo<M extends { readonly headers: Readonly<Record<string, unknown>> }>(
  messages: readonly M[],
  attributesOf: (message: M) => Attributes,
): Link[] {
  const links = messages.map((message): [SpanContext | undefined, M] => [
    spanContextOf(message.headers),
    message,
  ])
  return links.flatMap(([linked, message]) =>
    linked === undefined ? [] : [{ context: linked, attributes: attributesOf(message) }],
  )
}
