import { ReversalError } from './errors.ts'

const missing = new Set(['3F000', '42P01'])

/** Runs a statement of ours; what it throws says what was being done. */
export async function asStoreError<T>(doing: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (cause) {
    throw new ReversalError('REVERSAL_STORE_UNAVAILABLE', `${doing} failed: ${String(cause)}`, {
      retryable: true,
      cause,
    })
  }
}

/** The same for the logbook, whose table may never have been made. */
export async function asLogbookError<T>(schema: string, work: () => Promise<T>): Promise<T> {
  try {
    return await asStoreError(`The logbook ${schema}.job`, work)
  } catch (error) {
    const cause = (error as ReversalError).cause
    const code: unknown = (cause as { readonly code?: unknown } | undefined)?.code
    if (typeof code !== 'string' || !missing.has(code)) throw error
    throw new ReversalError(
      'REVERSAL_NOT_MIGRATED',
      `The table ${schema}.job of the option logbook is missing: run migrateReversal`,
      { cause },
    )
  }
}
