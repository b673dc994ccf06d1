import { z } from 'zod'
import { httpUrlVariable, integerVariable } from '../config.ts'

const ratioVariable = z
  .string()
  .regex(/^(0|1|0?\.\d{1,9}|[01]\.\d{1,9})$/, 'must be a number from 0 to 1')
  .transform(Number)
  .pipe(z.number().max(1, 'must be a number from 0 to 1'))

/** The samplers that OpenTelemetry's specification names. */
const SAMPLERS = [
  'always_on',
  'always_off',
  'traceidratio',
  'parentbased_always_on',
  'parentbased_always_off',
  'parentbased_traceidratio',
] as const

/**
 * What of OpenTelemetry's environment variables every process reads; the rest of
 * `OTEL_EXPORTER_OTLP_*` (headers, certificates, compression, timeout) is read by the exporter.
 */
export const tracingVariables = {
  /** Where spans go, by OTLP over HTTP; `/v1/traces` is added. Nothing is recorded without it. */
  OTEL_EXPORTER_OTLP_ENDPOINT: httpUrlVariable.optional(),
  /** The same for spans alone, taken as it is. */
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: httpUrlVariable.optional(),
  OTEL_SDK_DISABLED: z.enum(['true', 'false']).default('false'),
  OTEL_TRACES_SAMPLER: z.enum(SAMPLERS).default('parentbased_always_on'),
  /** The share of traces that the two ratio samplers record. */
  OTEL_TRACES_SAMPLER_ARG: ratioVariable.default(1),
  /** A finished span is sent after at most this. */
  OTEL_BSP_SCHEDULE_DELAY: integerVariable(10, 600_000).default(5_000),
  /** Spans that wait to be sent; what comes on top is dropped, for memory is for payments. */
  OTEL_BSP_MAX_QUEUE_SIZE: integerVariable(1, 100_000).default(2_048),
}

/** The variables, parsed. */
export type TracingConfig = z.output<z.ZodObject<typeof tracingVariables>>

/** Where spans go; undefined when nothing is recorded. */
export function tracesUrl(config: TracingConfig): string | undefined {
  if (config.OTEL_SDK_DISABLED === 'true') return undefined
  const { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: own, OTEL_EXPORTER_OTLP_ENDPOINT: base } = config
  return own ?? (base === undefined ? undefined : `${base}/v1/traces`)
}
