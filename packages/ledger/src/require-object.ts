import { LedgerError } from './errors.ts'
import { shown } from './shown.ts'

/** The request of a verb, or an error: its fields can be read, whatever they are. */
export function requireObject<T>(verb: string, request: T): T {
  if (typeof request === 'object' && request !== null) return request
  throw new LedgerError('LEDGER_INVALID_OPTION', `${verb} takes an object: ${shown(request)}`)
}
