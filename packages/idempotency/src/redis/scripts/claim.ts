import { layoutVersion, luaNow, luaPrelude } from './layout.ts'
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
 * The first request of a key, which most are, is answered by one SET NX and the bare fence, before
 * what the others need is even defined. A server that is full refuses that SET, and must still answer
 * for a record that is there.
 *
 * ARGV: claimant (token, fingerprint, first state, 'j' reject, 'e' execute or 'c' recover), life of
 * the key in ms, lease in ms, and for a key with a date the Unix ms from which a record that is not
 * there is no longer new.
 * Answer: the fence of a first owner; else a list that begins with a number of `claimReply`.
 */
export const claimScript: ScriptForms = defineScript(
  'claim',
  false,
  `${luaNow}
local isOld, refusal = ARGV[4] and tonumber(ARGV[4]) <= nowMs, nil
if not isOld then
  local record = struct.pack('>Bc1I4I8I8I8c48', ${layoutVersion}, string.sub(ARGV[1], 49, 49), 1,
    nowUs, nowMs + ARGV[3], nowMs, ARGV[1])
  local set = redis.pcall('SET', KEYS[1], record, 'PX', ARGV[2], 'NX')
  if set and set.ok then return nowUs end
  refusal = set
end
${luaPrelude}
local stored = redis.call('GET', KEYS[1])
if not stored then return isOld and {${claimReply.expired}} or refusal end

local ACQUIRED, IN_PROGRESS = ${claimReply.acquired}, ${claimReply.inProgress}
local DONE = ${claimReply.completed}
local MISMATCH, UNKNOWN = ${claimReply.mismatch}, ${claimReply.indeterminate}
local r = readHeader(stored)
if not r then return {UNKNOWN, 3} end
local token, fingerprint = string.sub(ARGV[1], 1, 16), string.sub(ARGV[1], 17, 48)
if r.fingerprint ~= fingerprint then return {MISMATCH} end
if r.finished then
  return {DONE, r.state == TOMBSTONE and 1 or 0, string.sub(stored, HEADER + 1)}
end
if r.running and r.token == token then
  local recovering = r.state == RECOVERING and 1 or 0
  return {ACQUIRED, r.fence, r.attempt, recovering, string.sub(stored, HEADER + 1)}
end

local mode = string.sub(ARGV[1], 50, 50)
if r.running and r.leaseUntil > nowMs then return {IN_PROGRESS, r.leaseUntil - nowMs} end
if mode == 'j' and r.state == INDETERMINATE then return {UNKNOWN, 2} end
if mode == 'j' and r.state ~= STARTED then return {UNKNOWN, 1} end

local state = string.byte(ARGV[1], 49)
if mode == 'c' and r.state ~= STARTED then state = RECOVERING end
local mine = {
  state = state, attempt = r.attempt + 1, fence = math.max(r.fence + 1, nowUs),
  leaseUntil = nowMs + ARGV[3], created = r.created, token = token, fingerprint = fingerprint,
}
local checkpoint = string.sub(stored, HEADER + 1)
redis.call('SET', KEYS[1], pack(mine) .. checkpoint, 'PX', ARGV[2])
return {ACQUIRED, mine.fence, mine.attempt, state == RECOVERING and 1 or 0, checkpoint}
`,
)
