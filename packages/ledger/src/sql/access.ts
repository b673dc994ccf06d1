/**
 * Who may execute a function:
 * - `verb`: the application; it moves money, or decides about accounts.
 * - `read`: the application and the auditor.
 * - `audit`: the auditor only; it fixes what is past (a checkpoint, a sealed period) or takes it all
 *   out (an export), and moves nothing.
 * - `private`: nobody; it is called by other functions of ours, which run as the owner.
 */
export type Access = 'verb' | 'read' | 'audit' | 'private'

/**
 * Every function of the schema, by its name. A function that is missing here is executable by
 * nobody, and a test fails: decide. All but private ones run as their owner (`definer`).
 */
export const FUNCTION_ACCESS: Readonly<Record<string, Access>> = {
  create_account: 'verb',
  transfer: 'verb',
  transfer_many: 'verb',
  journal: 'verb',
  hold: 'verb',
  capture: 'verb',
  release: 'verb',
  reverse: 'verb',
  expire_holds: 'verb',
  lock_accounts: 'verb',
  freeze_account: 'verb',
  close_account: 'verb',
  set_limits: 'verb',
  define_currency: 'verb',

  get_account: 'read',
  lookup: 'read',
  balance: 'read',
  entries: 'read',
  trial_balance: 'read',
  account_statement: 'read',
  balance_at: 'read',
  list_currencies: 'read',
  account_changes: 'read',
  verify_accounts: 'read',
  verify_holds: 'read',
  verify_journals: 'read',
  verify_reversals: 'read',
  verify_transfers: 'read',
  verify_whole: 'read',
  list_checkpoints: 'read',
  checkpoint_leaves: 'read',
  sealed_extent: 'read',
  list_sealed_periods: 'read',
  period_movements: 'read',
  sealed_leaves: 'audit',
  sealed_transfers: 'audit',

  make_checkpoint: 'audit',
  sign_checkpoint: 'audit',
  seal_book: 'audit',
  seal_totals: 'audit',

  account_json: 'private',
  account_moves_forward: 'private',
  account_refusal: 'private',
  account_sound: 'private',
  balance_after: 'private',
  capture_refusal: 'private',
  chains: 'private',
  change_account: 'private',
  checkpoint_json: 'private',
  conflict: 'private',
  currency_json: 'private',
  expired_minor: 'private',
  hold_json: 'private',
  hold_moves_forward: 'private',
  hold_sound: 'private',
  journal_json: 'private',
  keep_horizon: 'private',
  known_answer: 'private',
  known_capture: 'private',
  known_hold: 'private',
  known_journal: 'private',
  known_otherwise: 'private',
  known_reversal: 'private',
  known_transfer: 'private',
  limit_refusal: 'private',
  lines: 'private',
  lock_part: 'private',
  lock_shard: 'private',
  lock_whole: 'private',
  moved_within: 'private',
  period_json: 'private',
  post_many: 'private',
  present_guards: 'private',
  previously_rejected: 'private',
  refusal: 'private',
  refuse_change: 'private',
  rejected: 'private',
  rejection_json: 'private',
  remember_rejection: 'private',
  rows_before: 'private',
  settle_hold: 'private',
  transfer_json: 'private',
  transfer_sound: 'private',
  whole: 'private',
}

/**
 * Every view of the schema: application and auditor may SELECT from it. PostgreSQL reads a view's
 * tables as the view's owner, but executes its functions as whoever asks: a view calls none of ours
 * that is private. No table is ever granted to anybody.
 */
export const VIEWS: readonly string[] = ['accounts', 'transfers', 'holds', 'entries', 'balances']
