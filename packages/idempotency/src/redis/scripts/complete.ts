import { headerBytes, layoutVersion, stateBytes } from './layout.ts'
import { defineScript } from './script.ts'
import type { ScriptForms } from './script.ts'

/**
 * Stores a result and starts its retention. Only for the owner's token: what a replaced owner
 * brings late must not hide the result of the newer one. Repeated with the same token it changes
 * nothing, so a lost answer can be asked for again. A record that is gone (evicted, flushed, lost
 * in a failover) is written anew, because what was done is known.
 *
 * Every first request ends here, so the caller sends the record as it is to be: Lua hashes every byte
 * of every string, and putting a record together here costs more than all else. Only the time of a
 * first claim that was another owner's is not known to the caller.
 *
 * ARGV: record, retention ms. Answer: 1 stored, 0 not this claim's any more.
 */
export const completeScript: ScriptForms = defineScript(
  'complete',
  true,
  `
local record = ARGV[1]
local header = redis.call('GETRANGE', KEYS[1], '0', '${headerBytes - 1}')
if header ~= '' and string.sub(header, 23) ~= string.sub(record, 23, ${headerBytes}) then
  if #header < ${headerBytes} or string.sub(header, 31, 46) ~= string.sub(record, 31, 46) then
    return 0
  end
  record = string.sub(record, 1, 22) .. string.sub(header, 23, 30) .. string.sub(record, 31)
end
if header ~= '' then
  local version, state = string.byte(header, 1, 2)
  if version ~= ${layoutVersion} then return 0 end
  if state == ${stateBytes.completed} or state == ${stateBytes.tombstone} then return 1 end
  if state < ${stateBytes.started} or state > ${stateBytes.recovering} then return 0 end
end
redis.call('SET', KEYS[1], record, 'PX', ARGV[2])
return 1
`,
)
