import type { ClaimHandle, ClaimRequest } from '../store.ts'
import { stateBytes } from './scripts/layout.ts'

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

/** New state, and the owner as its record begins and ends: attempt, fence, token, fingerprint. */
export function owner(
  { attempt, fence, token, fingerprint }: ClaimHandle,
  stateByte: number,
): Buffer {
  const packed = Buffer.allocUnsafe(61)
  packed[0] = stateByte
  packed.writeUInt32BE(attempt, 1)
  packed.writeUInt32BE(Math.floor(fence / 0x1_0000_0000), 5)
  packed.writeUInt32BE(fence % 0x1_0000_0000, 9)
  packed.set(token, 13)
  packed.set(fingerprint, 29)
  return packed
}
