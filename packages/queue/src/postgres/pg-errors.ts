/*
 * What errors of the pg driver mean for a message. Codes:
 * https://www.postgresql.org/docs/current/errcodes-appendix.html
 */

const SOCKET_CODES = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ENOENT', // a Unix socket that is not there
])

/** Class 08: connection exceptions. 57P0x: shutdown, crash, starting up. 53300: too many clients. */
const UNAVAILABLE_SQLSTATE = /^(08...|57P0[1-5]|53300|53400)$/

/** The driver gives these no code. */
const UNAVAILABLE_TEXT =
  /connection terminated|connection ended|timeout exceeded when trying to connect|connection error and is not queryable|client was closed|cannot use a pool after calling end|connection has been discarded/i

/** PostgreSQL, or the way to it, is away; the same statement may work later. */
export function isUnavailable(error: unknown): boolean {
  if (error instanceof AggregateError) return error.errors.some(isUnavailable)
  const code = sqlState(error)
  if (code !== undefined) return SOCKET_CODES.has(code) || UNAVAILABLE_SQLSTATE.test(code)
  return error instanceof Error && UNAVAILABLE_TEXT.test(error.message)
}

/** PostgreSQL has refused the statement; anything else leaves open whether it was executed. */
export function isAnswer(error: unknown): boolean {
  return /^[0-9A-Z]{5}$/.test(sqlState(error) ?? '') && !isUnavailable(error)
}

/** Serialization failure or deadlock: the same transaction may work when run again at once. */
export function isSerializationFailure(error: unknown): boolean {
  const code = sqlState(error)
  return code === '40001' || code === '40P01'
}

/** A lock was not to be had within `lock_timeout`. */
export function isLockTimeout(error: unknown): boolean {
  return sqlState(error) === '55P03'
}

/** The role lacks a right on the table. */
export function isForbidden(error: unknown): boolean {
  return sqlState(error) === '42501'
}

/** "current transaction is aborted": an earlier statement failed and its error was swallowed. */
export function isTransactionAborted(error: unknown): boolean {
  return sqlState(error) === '25P02'
}

/** No such schema, table, column or function. */
const NOT_MIGRATED = new Set(['3F000', '42P01', '42703', '42883'])

/** The statement names something that the database does not have. */
export function isNotMigrated(error: unknown): boolean {
  return NOT_MIGRATED.has(sqlState(error) ?? '')
}

function sqlState(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null)?.code
  return typeof code === 'string' ? code : undefined
}
