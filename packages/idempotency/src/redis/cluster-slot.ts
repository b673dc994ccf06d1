/** The slots of a Redis Cluster. */
const slots = 16_384

/**
 * The slot of a key without a hash tag: CRC-16/XMODEM over its bytes, as the Cluster specification
 * has it.
 */
export function clusterSlot(key: string): number {
  let crc = 0
  for (const byte of Buffer.from(key, 'utf8')) {
    crc ^= byte << 8
    for (let bit = 0; bit < 8; bit += 1) {
      crc = (crc & 0x8000) === 0 ? crc << 1 : (crc << 1) ^ 0x1021
    }
    crc &= 0xffff
  }
  return crc % slots
}
