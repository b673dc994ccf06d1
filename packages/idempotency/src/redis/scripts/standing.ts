import type { RecordStanding } from '../../store.ts'

/** Standings as the operator scripts name them, by their position. */
export const standings: readonly RecordStanding[] = [
  'running',
  'lapsed',
  'indeterminate',
  'completed',
  'tombstone',
  'unreadable',
]

/** First element of the answer of the scripts that operators call. */
export const operatorReply = { done: 1, absent: 2, refused: 3 } as const

/**
 * What the operator scripts begin with. A standing is decided inside the script: between a look and
 * a change the lease could lapse, or the next owner could come.
 */
export const luaStanding: string = `
local DONE, ABSENT, REFUSED = ${operatorReply.done}, ${operatorReply.absent}, ${operatorReply.refused}
local RUNNING, LAPSED, UNKNOWN, RESULT, STONE, UNREADABLE = 1, 2, 3, 4, 5, 6

local function standingOf(r, nowMs)
  if not r then return UNREADABLE end
  if r.state == COMPLETED then return RESULT end
  if r.state == TOMBSTONE then return STONE end
  if r.state == INDETERMINATE then return UNKNOWN end
  if r.leaseUntil > nowMs then return RUNNING end
  return r.state == STARTED and LAPSED or UNKNOWN
end
`
