/**
 * What every process does with its bus: traces, and the ids that its log lines carry.
 *
 * @packageDocumentation
 */
import type { BusEvent, BusTelemetry } from '@payflow/queue'
import { telemetry } from '@payflow/queue/opentelemetry'
import { logContext, withLogContext, type LogFields } from './log-context.ts'
import type { Logger } from './logger.ts'

export { registerOutboxMetrics } from './bus-metrics.ts'

type Headers = Readonly<Record<string, unknown>>

/** The id of the request that a message comes from, as a header of the message. */
const REQUEST_ID_HEADER = 'request-id'

/**
 * For the option `telemetry` of a bus: its spans, and the link between log lines. A message carries
 * the id of the request that wrote it; whatever is logged while it is handled carries that id, the
 * message's own, and the payment's or the user's it is about.
 */
export function busTelemetry(): BusTelemetry {
  const spans = telemetry()
  return {
    ...spans,
    creating: (message, run) => spans.creating(message, (trace) => run(withRequestId(trace))),
    publishing: (message, run) => spans.publishing(message, (trace) => run(withRequestId(trace))),
    consuming: (consumer, messages, run) =>
      spans.consuming(consumer, messages, (tell) => {
        const [only, ...others] = messages
        if (only === undefined || others.length > 0) return run(tell)
        return withLogContext(fieldsOf(only), () => run(tell))
      }),
  }
}

function withRequestId(trace: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const { requestId } = logContext()
  return requestId === undefined ? trace : { ...trace, [REQUEST_ID_HEADER]: requestId }
}

/** By the contract the key of a payment's messages is its id, and of a user's messages theirs. */
const keyFields: Readonly<Record<string, 'paymentId' | 'userId'>> = {
  payments: 'paymentId',
  users: 'userId',
}

function fieldsOf({
  messageId,
  headers,
}: {
  readonly messageId: string | undefined
  readonly headers: Headers
}): LogFields {
  const requestId = headers[REQUEST_ID_HEADER]
  const key = headers['cloudEvents:partitionkey']
  const type = headers['cloudEvents:type']
  const field = keyFields[typeof type === 'string' ? (type.split('.')[0] ?? '') : '']
  return {
    ...(messageId !== undefined && { messageId }),
    ...(typeof requestId === 'string' && { requestId }),
    ...(field !== undefined && typeof key === 'string' && { [field]: key }),
  }
}

/** For the option `onEvent` of a bus: a line for each message whose effects are committed. */
export function logCommitted(logger: Logger): (event: BusEvent) => void {
  return (event) => {
    if (event.type === 'message.duplicate') {
      logger.info({ attempt: event.attempt }, 'known message: it was committed before')
    }
    if (event.type !== 'message.committed') return
    const { messageType, attempt } = event
    const durationMs = Math.round(event.durationMs * 10) / 10
    logger.info({ messageType, attempt, durationMs }, `${messageType} handled`)
  }
}
