import type { RecordState } from '../../store.ts'

/*
 * A record is one packed string, because a hash of the same fields takes nearly twice the memory as
 * soon as one of them is longer than 64 bytes. All numbers are big-endian.
 *
 *   offset  bytes
 *        0      1  version of this layout
 *        1      1  state: 1 started, 2 committed, 3 completed, 4 indeterminate, 5 tombstone,
 *                  6 recovering
 *        2      4  attempt
 *        6      8  fence, microseconds
 *       14      8  end of the lease, Unix milliseconds; 0 if its owner finished it
 *       22      8  first claimed, Unix milliseconds
 *       30     16  token of the owner; zeros if it has given the claim up
 *       46     32  fingerprint
 *       78      …  payload: the result of a finished record, the checkpoint of any other
 */

/** Version this code writes. A record with another one is never guessed at: it blocks its key. */
export const layoutVersion = 1

/** Length of everything before the payload. */
export const headerBytes = 78

/** State byte of each state, as the scripts write it. */
export const stateBytes: Readonly<Record<RecordState, number>> = {
  started: 1,
  committed: 2,
  completed: 3,
  indeterminate: 4,
  tombstone: 5,
  recovering: 6,
}

/** Gives a script `nowMs` and `nowUs`, by the server's clock. */
export const luaNow: string = `
local time = redis.call('TIME')
local nowUs = time[1] * 1000000 + time[2]
local nowMs = math.floor(nowUs / 1000)
`

/**
 * What scripts begin with, unless they take a record apart themselves. Lua's numbers are doubles: microseconds since 1970 stay exact
 * until the year 2255. `readHeader` gives nil for a record that this version cannot read.
 */
export const luaPrelude: string = `
local VERSION, HEADER, FORMAT = ${layoutVersion}, ${headerBytes}, '>BBI4I8I8I8c16c32'
local HEADER_END = '${headerBytes - 1}'
local STARTED, COMMITTED, COMPLETED, INDETERMINATE, TOMBSTONE, RECOVERING = 1, 2, 3, 4, 5, 6

local function pack(r)
  return struct.pack(FORMAT, VERSION, r.state, r.attempt, r.fence, r.leaseUntil, r.created, r.token,
    r.fingerprint)
end

local function readHeader(record)
  if #record < HEADER or string.byte(record, 1) ~= VERSION then return nil end
  local r = {}
  local _
  _, r.state, r.attempt, r.fence, r.leaseUntil, r.created, r.token, r.fingerprint =
    struct.unpack(FORMAT, record)
  if r.state < STARTED or r.state > RECOVERING then return nil end
  r.running = r.state == STARTED or r.state == COMMITTED or r.state == RECOVERING
  r.finished = r.state == COMPLETED or r.state == TOMBSTONE
  return r
end

local function now()
  local time = redis.call('TIME')
  local us = time[1] * 1000000 + time[2]
  return math.floor(us / 1000), us
end
`
