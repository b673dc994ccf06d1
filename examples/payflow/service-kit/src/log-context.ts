import { AsyncLocalStorage } from 'node:async_hooks'
import { trace } from '@opentelemetry/api'

/** What every log line of a piece of work carries. */
export interface LogFields {
  requestId?: string
  paymentId?: string
  userId?: string
  messageId?: string
  /** The answer repeats an earlier one; nothing was done again. */
  replayed?: boolean
}

const storage = new AsyncLocalStorage<LogFields>()

/**
 * Runs `work` so that every line logged in it, however deep, carries `fields`. The span that runs
 * now is told which payment it is about.
 */
export function withLogContext<T>(fields: LogFields, work: () => T): T {
  tellSpan(fields)
  return storage.run({ ...storage.getStore(), ...fields }, work)
}

/** Adds fields to the lines that the current piece of work logs from now on. */
export function addLogContext(fields: LogFields): void {
  const current = storage.getStore()
  if (current) Object.assign(current, fields)
  tellSpan(fields)
}

function tellSpan({ paymentId }: LogFields): void {
  if (paymentId !== undefined) trace.getActiveSpan()?.setAttribute('payflow.payment.id', paymentId)
}

/** The fields of the current piece of work. */
export function logContext(): Readonly<LogFields> {
  return storage.getStore() ?? {}
}
