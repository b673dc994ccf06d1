import { randomBytes } from 'node:crypto'

/**
 * A name nobody else uses: prefix, process, random tail. Isolates the exchanges, queues and keys of a test
 * on a broker or a Redis it shares with others.
 */
export function uniqueName(prefix: string): string {
  return `${prefix}-${process.pid.toString(36)}-${randomBytes(5).toString('hex')}`
}
