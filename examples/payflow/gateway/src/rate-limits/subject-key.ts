import { createHash } from 'node:crypto'
import { isIPv6 } from 'node:net'

/**
 * The name under which somebody is counted. A hash, so that Redis holds no addresses of people, and
 * so that what a client chooses has one length.
 */
export function subjectKey(subject: string): string {
  return createHash('sha256').update(subject).digest('base64url').slice(0, 22)
}

/**
 * The part of an address that one customer of a provider has: all of an IPv4 address, and the first
 * 64 bits of an IPv6 address, of which everybody has 2^64 (RFC 6177). IPv4 in IPv6 is IPv4.
 */
export function networkOf(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)
  if (mapped?.[1] !== undefined) return mapped[1]
  if (!isIPv6(address)) return address
  const [head = '', tail] = (address.split('%')[0] ?? '').split('::')
  const groups = head === '' ? [] : head.split(':')
  const end = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros = Array.from({ length: Math.max(0, 8 - groups.length - end.length) }, () => '0')
  const network = [...groups, ...zeros, ...end].slice(0, 4)
  return network.map((group) => Number.parseInt(group, 16).toString(16)).join(':')
}
