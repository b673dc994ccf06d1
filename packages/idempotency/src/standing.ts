import type { RecordStanding, RecordState } from './store.ts'

/** What a readable record means, given how long its lease still holds. */
export function standingOf(
  state: RecordState,
  leaseRemainingMs: number,
): Exclude<RecordStanding, 'unreadable'> {
  if (state === 'completed' || state === 'tombstone' || state === 'indeterminate') return state
  if (leaseRemainingMs > 0) return 'running'
  return state === 'started' ? 'lapsed' : 'indeterminate'
}
