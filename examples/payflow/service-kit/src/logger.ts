import { pino, type DestinationStream, type Logger as PinoLogger } from 'pino'
import { logContext } from './log-context.ts'
import { redactFields, redactText } from './redact.ts'
import { currentTraceIds } from './tracing/trace-context.ts'

/** The logger of a process: JSON lines on standard output. */
export type Logger = PinoLogger

/** Options of {@link createLogger}. */
export interface LoggerOptions {
  /** The process's name, on every line. */
  readonly service: string
  /** @defaultValue `'info'` */
  readonly level?: string
  /** Where lines go. @defaultValue standard output */
  readonly destination?: DestinationStream
}

/**
 * Creates the logger of a process. Every line carries the ids of the work it belongs to (see
 * `withLogContext`) and of its trace. Fields named like secrets, and e-mail addresses, are cut out
 * wherever they are. Of an error only type, code, message, stack and cause are written, without
 * what they quote of credentials: the `detail` of a PostgreSQL error quotes rows, that is, personal
 * data.
 */
export function createLogger({ service, level = 'info', destination }: LoggerOptions): Logger {
  return pino(
    {
      level,
      base: { service },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }), log: (fields) => redactFields(fields) },
      messageKey: 'message',
      mixin: () => ({ ...logContext(), ...currentTraceIds() }),
      serializers: { err: describeError, error: describeError, cause: describeError },
    },
    destination ?? pino.destination({ fd: 1, sync: true }),
  )
}

/** What a log line says about an error. Follows `cause` five levels down at most. */
export function describeError(value: unknown, depth = 0): unknown {
  if (!(value instanceof Error)) return typeof value === 'string' ? redactText(value) : typeof value
  const { code, cause } = value as Error & { code?: unknown }
  return {
    type: value.name,
    message: redactText(value.message),
    ...(typeof code === 'string' && { code }),
    stack: value.stack === undefined ? undefined : redactText(value.stack),
    ...(cause !== undefined && depth < 5 && { cause: describeError(cause, depth + 1) }),
  }
}
