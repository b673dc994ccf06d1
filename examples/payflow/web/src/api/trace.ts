/**
 * The names of a request in traces (W3C Trace Context). The page has no OpenTelemetry: it only makes
 * up the ids, and the gateway writes the page's span down. Whether it does is decided there.
 */

/** The header for one request of the trace. The trace is not asked to be recorded: flags 00. */
export function traceparent(traceId: string): string {
  return `00-${traceId}-${randomHex(8)}-00`
}

/** A new trace: one for each thing that the page asks for, however often it is sent. */
export function newTraceId(): string {
  return randomHex(16)
}

/** All zeros would be invalid; that happens once in 2^64. */
function randomHex(bytes: number): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(bytes)), (byte) =>
    byte.toString(16).padStart(2, '0'),
  ).join('')
}
