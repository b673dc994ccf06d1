import { headerBytes, layoutVersion, luaNow, stateBytes } from './layout.ts'
import { defineScript } from './script.ts'
import type { ScriptForms } from './script.ts'

/**
 * Stores a result and starts its retention. Only for the owner's token: what a replaced owner
 * brings late must not hide the result of the newer one. Repeated with the same token it changes
 * nothing, so a lost answer can be asked for again. A record that is gone (evicted, flushed, lost
 * in a failover) is written anew, because what was done is known.
 *
 * Every first request ends here, so no record is taken apart into its fields and put together
 * again: the caller sends its own part as the record begins and ends.
 *
 * ARGV: owner (new state, attempt, fence, token, fingerprint), retention ms, payload.
 * Answer: 1 stored, 0 not this claim's any more.
 */
export const completeScript: ScriptForms = defineScript(
  'complete',
  true,
  `${luaNow}
local owner, header = ARGV[1], redis.call('GETRANGE', KEYS[1], 0, ${headerBytes - 1})
local finished = struct.pack('>I8', nowMs)
local created = finished
if header ~= '' then
  local version, state = string.byte(header, 1, 2)
  if #header < ${headerBytes} or version ~= ${layoutVersion} then return 0 end
  if string.sub(header, 31, 46) ~= string.sub(owner, 14, 29) then return 0 end
  if state == ${stateBytes.completed} or state == ${stateBytes.tombstone} then return 1 end
  if state < ${stateBytes.started} or state > ${stateBytes.recovering} then return 0 end
  created = string.sub(header, 23, 30)
end
local record = '\\${layoutVersion}' .. string.sub(owner, 1, 13) .. finished .. created
  .. string.sub(owner, 14) .. ARGV[3]
redis.call('SET', KEYS[1], record, 'PX', ARGV[2])
return 1
`,
)
