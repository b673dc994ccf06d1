import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gunzipSync } from 'node:zlib'

/** A span as it came in. */
export interface CollectedSpan {
  readonly service: string
  readonly name: string
  readonly kind: 'internal' | 'server' | 'client' | 'producer' | 'consumer'
  readonly traceId: string
  readonly spanId: string
  /** Undefined for the root of a trace. */
  readonly parentSpanId: string | undefined
  readonly links: readonly { readonly traceId: string; readonly spanId: string }[]
  readonly attributes: Readonly<Record<string, string | number | boolean>>
  readonly failed: boolean
}

/** A collector of OpenTelemetry: takes spans by OTLP over HTTP, as JSON. */
export interface TraceCollector extends AsyncDisposable {
  /** For `OTEL_EXPORTER_OTLP_ENDPOINT`. */
  readonly url: string
  /** Everything that has come in. */
  readonly spans: readonly CollectedSpan[]
  /** Requests with spans, answered or not. */
  readonly requests: number
  /** What it does with the next requests: takes them, refuses them with 503, or never answers. */
  behave(how: 'accept' | 'refuse' | 'hang'): void
}

/** Starts a collector on a port of its own. */
export async function startTraceCollector(): Promise<TraceCollector> {
  const spans: CollectedSpan[] = []
  let behaviour: 'accept' | 'refuse' | 'hang' = 'accept'
  let requests = 0
  const server = createServer((req, res) => {
    void bodyOf(req).then((body) => {
      requests += 1
      if (behaviour === 'hang') return
      if (behaviour === 'refuse' || req.url !== '/v1/traces') {
        res.writeHead(behaviour === 'refuse' ? 503 : 404).end()
        return
      }
      spans.push(...readSpans(body))
      res.writeHead(200, { 'content-type': 'application/json' }).end('{}')
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spans,
    get requests() {
      return requests
    },
    behave: (how) => void (behaviour = how),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

async function bodyOf(req: IncomingMessage): Promise<OtlpRequest> {
  const chunks: Buffer[] = []
  for await (const chunk of req) chunks.push(chunk as Buffer)
  const whole = Buffer.concat(chunks)
  const text = req.headers['content-encoding'] === 'gzip' ? gunzipSync(whole) : whole
  return JSON.parse(text.toString()) as OtlpRequest
}

interface OtlpAttribute {
  readonly key: string
  readonly value: Readonly<Record<string, string | number | boolean>>
}

interface OtlpSpan {
  readonly name: string
  readonly kind: number
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId?: string
  readonly attributes?: readonly OtlpAttribute[]
  readonly links?: readonly { readonly traceId: string; readonly spanId: string }[]
  readonly status?: { readonly code?: number }
}

interface OtlpRequest {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly OtlpAttribute[] }
    readonly scopeSpans: readonly { readonly spans: readonly OtlpSpan[] }[]
  }[]
}

/** By the numbers of the protocol. */
const KINDS = ['internal', 'internal', 'server', 'client', 'producer', 'consumer'] as const
const FAILED = 2

function readSpans(request: OtlpRequest): CollectedSpan[] {
  return request.resourceSpans.flatMap(({ resource, scopeSpans }) => {
    const service = String(attributesOf(resource.attributes)['service.name'])
    return scopeSpans.flatMap(({ spans }) => spans.map((span) => readSpan(service, span)))
  })
}

function readSpan(service: string, span: OtlpSpan): CollectedSpan {
  const { name, kind, traceId, spanId, parentSpanId, attributes, links, status } = span
  return {
    service,
    name,
    kind: KINDS[kind] ?? 'internal',
    traceId,
    spanId,
    parentSpanId: parentSpanId || undefined,
    links: (links ?? []).map((link) => ({ traceId: link.traceId, spanId: link.spanId })),
    attributes: attributesOf(attributes ?? []),
    failed: status?.code === FAILED,
  }
}

function attributesOf(attributes: readonly OtlpAttribute[]): CollectedSpan['attributes'] {
  return Object.fromEntries(
    attributes.map(({ key, value }) => [key, Object.values(value)[0] ?? '']),
  )
}
