import { createHmac, randomBytes } from 'node:crypto'
import { trace } from '@opentelemetry/api'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http'
import { detectResources, envDetector, resourceFromAttributes } from '@opentelemetry/resources'
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  BatchSpanProcessor,
  ParentBasedSampler,
  RandomIdGenerator,
  TraceIdRatioBasedSampler,
  TracerProvider,
  type Sampler,
  type SpanExporter,
} from '@opentelemetry/sdk-trace'
import type { Logger } from '../logger.ts'
import { wantedIds } from './page-span.ts'
import type { TracingConfig } from './variables.ts'

/** Options of {@link startSdk}. */
export interface SdkOptions {
  readonly service: string
  readonly url: string
  readonly config: TracingConfig
  readonly logger: Logger
}

/** Sets up OpenTelemetry's SDK: from here on spans are recorded and sent. */
export function startSdk({ service, url, config, logger }: SdkOptions): TracerProvider {
  const exporter = watched(new OTLPTraceExporter({ url }), logger)
  const provider = new TracerProvider({
    resource: resourceFromAttributes({ 'service.name': service, 'service.namespace': 'payflow' })
      // What operators say of the process wins.
      .merge(detectResources({ detectors: [envDetector] })),
    sampler: samplerOf(config),
    idGenerator: new PageIdGenerator(),
    spanProcessors: [
      new BatchSpanProcessor({
        exporter,
        scheduledDelayMillis: config.OTEL_BSP_SCHEDULE_DELAY,
        maxQueueSize: config.OTEL_BSP_MAX_QUEUE_SIZE,
      }),
    ],
    // A statement or an address of a page may be as long as a client likes.
    spanLimits: { attributeValueLengthLimit: 1_024 },
  })
  trace.setGlobalTracerProvider(provider)
  return provider
}

function samplerOf(config: TracingConfig): Sampler {
  const name = config.OTEL_TRACES_SAMPLER
  const root = name.endsWith('always_on')
    ? new AlwaysOnSampler()
    : name.endsWith('always_off')
      ? new AlwaysOffSampler()
      : new TraceIdRatioBasedSampler(config.OTEL_TRACES_SAMPLER_ARG)
  if (!name.startsWith('parentbased')) return root
  return new ParentBasedSampler({ root: new PageSampler(root) })
}

/**
 * Decides for the span of our page by a digest of its trace's id, under a key that nobody knows. The
 * page chooses that id, and so does any program that says it is the page: decided by the id itself,
 * it could have all its requests recorded. One id has one decision, in this process.
 */
class PageSampler implements Sampler {
  readonly #sampler: Sampler
  readonly #key = randomBytes(32)

  constructor(sampler: Sampler) {
    this.#sampler = sampler
  }

  shouldSample(...[context, traceId, ...rest]: Parameters<Sampler['shouldSample']>) {
    const id = wantedIds() === undefined ? traceId : this.#digest(traceId)
    return this.#sampler.shouldSample(context, id, ...rest)
  }

  #digest(traceId: string): string {
    return createHmac('sha256', this.#key).update(traceId).digest('hex').slice(0, 32)
  }

  toString(): string {
    return `PageSampler{${this.#sampler.toString()}}`
  }
}

/** Random ids, but for the span of our page, which has chosen its own. */
class PageIdGenerator extends RandomIdGenerator {
  override generateTraceId = (): string => wantedIds()?.traceId ?? this.#random.generateTraceId()
  override generateSpanId = (): string => wantedIds()?.spanId ?? this.#random.generateSpanId()
  readonly #random = new RandomIdGenerator()
}

/** Says once that spans do not arrive, and once that they do again. */
function watched(exporter: SpanExporter, logger: Logger): SpanExporter {
  let failing = false
  return {
    export(spans, done) {
      exporter.export(spans, (result) => {
        if (result.code !== 0 && !failing) {
          logger.warn({ err: result.error }, 'spans cannot be exported; the work goes on without')
        } else if (result.code === 0 && failing) logger.info('spans are exported again')
        failing = result.code !== 0
        done(result)
      })
    },
    shutdown: () => exporter.shutdown(),
    forceFlush: async () => await exporter.forceFlush?.(),
  }
}
