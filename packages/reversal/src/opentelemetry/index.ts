/**
 * Spans and metrics of OpenTelemetry.
 *
 * @packageDocumentation
 */
export { telemetry } from './telemetry.ts'
export type { ObservedReversal, Telemetry, TelemetryOptions } from './telemetry.ts'
