import type { ClaimHandle, ClaimRequest, Completion } from '../store.ts'
import { headerBytes, layoutVersion, stateBytes } from './scripts/layout.ts'

/*
 * What the two scripts of every first request are told, in one piece each: an argument of its own
 * costs the client and the server more than its bytes.
 */

const modes = { reject: 0x6a, execute: 0x65, recover: 0x63 } as const

/** Token, fingerprint, first state, and one letter for what to do about an unknown outcome. */
export function claimant({ token, fingerprint, state, onIndeterminate }: ClaimRequest): Buffer {
  const packed = Buffer.allocUnsafe(50)
  packed.set(token, 0)
  packed.set(fingerprint, 16)
  packed[48] = stateBytes[state]
  packed[49] = modes[onIndeterminate]
  return packed
}

/** The record of a finished operation, as it is stored unless an earlier owner began it. */
export function finishedRecord(
  { attempt, fence, token, fingerprint }: ClaimHandle,
  { omitted, payload }: Completion,
): Buffer {
  const record = Buffer.allocUnsafe(headerBytes + payload.byteLength)
  record[0] = layoutVersion
  record[1] = stateBytes[omitted ? 'tombstone' : 'completed']
  record.writeUInt32BE(attempt, 2)
  writeUInt64(record, fence, 6)
  writeUInt64(record, 0, 14)
  // Of a first owner, the fence is the server's clock when it claimed.
  writeUInt64(record, Math.floor(fence / 1_000), 22)
  record.set(token, 30)
  record.set(fingerprint, 46)
  record.set(payload, headerBytes)
  return record
}

function writeUInt64(bytes: Buffer, value: number, at: number): void {
  bytes.writeUInt32BE(Math.floor(value / 0x1_0000_0000), at)
  bytes.writeUInt32BE(value % 0x1_0000_0000, at + 4)
}
