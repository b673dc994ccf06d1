/**
 * A UUID of version 7 (RFC 9562): 48 bits of the time in milliseconds, 74 random bits. The server
 * can tell from it that a key is older than what it remembers, and refuses it instead of executing
 * it a second time.
 */
export function timeOrderedKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16))
  const view = new DataView(bytes.buffer)
  view.setBigUint64(0, (BigInt(Date.now()) << 16n) | BigInt(view.getUint16(6)))
  view.setUint8(6, (view.getUint8(6) & 0x0f) | 0x70)
  view.setUint8(8, (view.getUint8(8) & 0x3f) | 0x80)
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
  const cuts = [0, 8, 12, 16, 20, 32]
  return cuts
    .slice(1)
    .map((end, at) => hex.slice(cuts[at], end))
    .join('-')
}
