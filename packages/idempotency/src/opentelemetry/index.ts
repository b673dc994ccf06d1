/**
 * Spans and metrics of OpenTelemetry.
 *
 * @packageDocumentation
 */
export { telemetry } from './telemetry.ts'
export type { GuardFunction, Telemetry, TelemetryOptions } from './telemetry.ts'
