/**
 * Decides with @payflow/ledger: releasing a hold is an answer, once and for ever.
 *
 * @packageDocumentation
 */
export { ledgerPreview } from './ledger-preview.ts'
export type { LedgerPreviewOptions } from './ledger-preview.ts'
export { ledgerResolver, ledgerResolverInTransaction } from './ledger-resolver.ts'
export type { LedgerHolds, LedgerResolverOptions } from './ledger-resolver.ts'
