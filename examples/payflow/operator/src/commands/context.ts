import type { Printer } from '../print/printer.ts'
import type { Stores } from '../stores.ts'

/** What every command works with. */
export interface CommandContext {
  readonly stores: Stores
  readonly print: Printer
  /** Ctrl-C. */
  readonly signal: AbortSignal
  /** Asks a person; `undefined` where there is none. */
  readonly confirm: ((question: string) => Promise<boolean>) | undefined
}
