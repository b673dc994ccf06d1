/**
 * Spans and metrics of OpenTelemetry, with the trace carried through the outbox.
 *
 * @packageDocumentation
 */
export { telemetry } from './telemetry.ts'
export type { TelemetryOptions } from './telemetry.ts'
