import { SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'
import { inSpan, isRecording } from './spans.ts'
import { writeTraceContext } from './trace-context.ts'

/** A call to another service, as its span describes it. */
export interface DescribedCall {
  readonly method: string
  readonly path: string
  /** The name of the called service. */
  readonly name: string
  readonly baseUrl: string
}

const uuid = /[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}/gi

/** The path without its ids and its query: one of few, so that it can name a span. */
function templateOf(path: string): string {
  const [withoutQuery = ''] = path.split('?')
  return withoutQuery.replaceAll(uuid, ':id')
}

/**
 * Makes a call in a span of its own and gives it the headers that continue the trace there. `send`
 * is called once.
 */
export async function traceCall<T extends { readonly status: number }>(
  call: DescribedCall,
  headers: Headers,
  send: () => Promise<T>,
): Promise<T> {
  if (!isRecording()) {
    writeTraceContext(trace.getActiveSpan()?.spanContext(), headers)
    return await send()
  }
  const template = templateOf(call.path)
  const { hostname, port } = new URL(call.baseUrl)
  const attributes = {
    'http.request.method': call.method,
    'url.template': template,
    'url.full': call.baseUrl + call.path.split('?')[0],
    'server.address': hostname,
    ...(port !== '' && { 'server.port': Number(port) }),
    'peer.service': call.name,
  }
  const options = { kind: SpanKind.CLIENT, attributes }
  return await inSpan(`${call.method} ${template}`, options, async (span) => {
    writeTraceContext(span.spanContext(), headers)
    const answer = await send()
    span.setAttribute('http.response.status_code', answer.status)
    if (answer.status >= 400) {
      span.setAttribute('error.type', String(answer.status))
      span.setStatus({ code: SpanStatusCode.ERROR })
    }
    return answer
  })
}
