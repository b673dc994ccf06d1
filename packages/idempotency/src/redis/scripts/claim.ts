import { defineScript } from './script.ts'
import type { ScriptForms } from './script.ts'

/** First element of the claim script's answer. */
export const claimReply = {
  acquired: 1,
  inProgress: 2,
  completed: 3,
  mismatch: 4,
  indeterminate: 5,
  expired: 6,
} as const

/**
 * Takes a record, or says what is there. One script, because a GET and a SET apart let two requests
 * both find nothing. The comparison of fingerprints comes before everything else: another body
 * under the same key is a mistake of the client at any time, also while the first request runs.
 *
 * - A token that is already the owner's is the same claim again: clients resend a command whose
 *   answer was lost, and its sender must not take its own claim for a stranger's.
 * - The key outlives the lease by the grace, so that a lapse is seen and not mistaken for "never
 *   asked".
 * - The fence is at least the server's clock in microseconds, so it still grows when the record was
 *   lost.
 *
 * - Whoever takes a record over gets its checkpoint, and it stays in the record: the new owner may die
 *   as well.
 * - `recovering` is a state, not only an answer: a recoverer whose answer was lost asks again, and
 *   must not be told then that it may simply execute.
 *
 * - A key's age counts only when there is no record, and by this clock: what is still known is
 *   answered, however old its key is.
 *
 * ARGV: token, fingerprint, lease ms, grace ms, first state, 'reject', 'execute' or 'recover', and the
 * Unix ms from which a record that is not there is no longer new, or ''.
 */
export const claimScript: ScriptForms = defineScript(
  'claim',
  false,
  `
local ACQUIRED, IN_PROGRESS = ${claimReply.acquired}, ${claimReply.inProgress}
local DONE = ${claimReply.completed}
local MISMATCH, UNKNOWN = ${claimReply.mismatch}, ${claimReply.indeterminate}
local EXPIRED = ${claimReply.expired}
local leaseMs, graceMs = tonumber(ARGV[3]), tonumber(ARGV[4])
local nowMs, nowUs = now()
local mine = {
  state = tonumber(ARGV[5]), attempt = 1, fence = nowUs, leaseUntil = nowMs + leaseMs,
  created = nowMs, token = ARGV[1], fingerprint = ARGV[2],
}

local stored = redis.call('GET', KEYS[1])
if stored then
  local r = readHeader(stored)
  if not r then return {UNKNOWN, 3} end
  if r.fingerprint ~= mine.fingerprint then return {MISMATCH} end
  if r.finished then
    return {DONE, r.state == TOMBSTONE and 1 or 0, string.sub(stored, HEADER + 1)}
  end
  if r.running and r.token == mine.token then
    local recovering = r.state == RECOVERING and 1 or 0
    return {ACQUIRED, r.fence, r.attempt, recovering, string.sub(stored, HEADER + 1)}
  end

  local rejects = ARGV[6] == 'reject'
  if r.running and r.leaseUntil > nowMs then return {IN_PROGRESS, r.leaseUntil - nowMs} end
  if rejects and r.state == INDETERMINATE then return {UNKNOWN, 2} end
  if rejects and r.state ~= STARTED then return {UNKNOWN, 1} end

  mine.attempt, mine.created = r.attempt + 1, r.created
  mine.fence = math.max(r.fence + 1, nowUs)
  if ARGV[6] == 'recover' and r.state ~= STARTED then mine.state = RECOVERING end
  local recovering = mine.state == RECOVERING and 1 or 0
  local checkpoint = string.sub(stored, HEADER + 1)
  redis.call('SET', KEYS[1], pack(mine) .. checkpoint, 'PX', leaseMs + graceMs)
  return {ACQUIRED, mine.fence, mine.attempt, recovering, checkpoint}
end
if ARGV[7] ~= '' and tonumber(ARGV[7]) <= nowMs then return {EXPIRED} end
redis.call('SET', KEYS[1], pack(mine), 'PX', leaseMs + graceMs)
return {ACQUIRED, mine.fence, mine.attempt}
`,
)
