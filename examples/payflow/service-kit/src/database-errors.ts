/**
 * PostgreSQL error classes and codes that pass by themselves: connection trouble (08), the server
 * stopping or starting (57P0x), too many connections (53300), a statement or lock timeout, a
 * serialization failure, a deadlock, a prepared statement that the server has lost (26000). Source: PostgreSQL documentation, appendix A.
 */
const passing = /^(08...|57P0[1-5]|53300|57014|55P03|40001|40P01|25P03|25006|26000)$/

const socketErrors = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
])

/** pg reports its own timeouts and broken connections by message only. */
const driverMessages = [
  'timeout exceeded when trying to connect',
  'Connection terminated',
  'Client has encountered a connection error',
  'Client was closed',
  // A migration changed what a prepared statement answers; the code (0A000) says less.
  'cached plan must not change result type',
]

/** Tells whether a database call failed for a reason that is likely gone in a moment. */
export function isDatabaseUnavailable(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  const { code } = error as { code?: unknown }
  if (typeof code === 'string' && (passing.test(code) || socketErrors.has(code))) return true
  // Node reports one failure per address it tried, inside an AggregateError.
  if (error instanceof AggregateError) return error.errors.some(isDatabaseUnavailable)
  return driverMessages.some((message) => error.message.startsWith(message))
}
