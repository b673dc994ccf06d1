/**
 * Answers `resolve` with @payflow/ledger: releasing a hold decides, once and for ever.
 *
 * @packageDocumentation
 */
export { ledgerResolver } from './ledger-resolver.ts'
export type { LedgerResolverOptions } from './ledger-resolver.ts'
