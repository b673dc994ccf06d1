import { standingOf } from '../standing.ts'
import type { RecordState, RecordView } from '../store.ts'
import { headerBytes, layoutVersion, stateBytes } from './scripts/layout.ts'

const statesByByte = new Map(
  Object.entries(stateBytes).map(([state, byte]) => [byte, state as RecordState]),
)

/** Reads a packed record; `undefined` if it is corrupt or of another version. */
export function decodeRecord(
  id: string,
  record: Buffer,
  nowMs: number,
  expiresInMs: number,
): RecordView | undefined {
  if (record.length < headerBytes || record.readUInt8(0) !== layoutVersion) return undefined
  const state = statesByByte.get(record.readUInt8(1))
  if (state === undefined) return undefined
  const isFinished = state === 'completed' || state === 'tombstone'
  const leaseRemainingMs = isFinished ? 0 : Number(record.readBigUInt64BE(14)) - nowMs
  return {
    id,
    state,
    standing: standingOf(state, leaseRemainingMs),
    attempt: record.readUInt32BE(2),
    fence: Number(record.readBigUInt64BE(6)),
    leaseRemainingMs,
    createdAt: new Date(Number(record.readBigUInt64BE(22))),
    expiresInMs,
    fingerprint: record.subarray(46, headerBytes),
    payload: record.subarray(headerBytes),
  }
}
