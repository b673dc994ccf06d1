import { createHash, createHmac } from 'node:crypto'
import { currentRequestId } from '@payflow-app/service-kit'
import type { Request } from 'express'
import type { DeviceCookie } from './cookies.ts'
import { hashToken } from './secret-token.ts'

/** Who asks, as far as it is known before anything is proved. */
export interface ClientInfo {
  /** What people call it: "Firefox on Linux". */
  readonly client: string
  /** By a key of ours: four billion addresses are quickly tried. Null when none was passed on. */
  readonly addressHash: Buffer | null
  readonly requestId: string | null
  /** What the browser keeps since somebody logged in there. */
  readonly deviceToken: string | undefined
  readonly deviceHash: Buffer | null
}

/** Reads who asks from a request. */
export type ReadClient = (req: Request) => ClientInfo

/** Creates the reader. Only the gateway can reach this service, so what it says is believed. */
export function createReadClient(addressHashKey: string, cookie: DeviceCookie): ReadClient {
  const key = createHmac('sha256', addressHashKey).update('payflow/audit/address').digest()
  return (req) => {
    const address = req.get('x-client-address')
    const deviceToken = cookie.read(req)
    return {
      client: describeClient(req.get('user-agent') ?? ''),
      addressHash:
        address === undefined ? null : createHmac('sha256', key).update(address).digest(),
      requestId: currentRequestId() ?? null,
      deviceToken,
      deviceHash: deviceToken === undefined ? null : hashToken(deviceToken),
    }
  }
}

/** Attempts are counted under this, whether or not anybody has the address. */
export function accountHashOf(email: string): Buffer {
  return createHash('sha256').update(`login\0${email}`).digest()
}

/** Attempts to prove oneself once more, by somebody who is logged in, are counted under this. */
export function proofHashOf(userId: string): Buffer {
  return createHash('sha256').update(`password\0${userId}`).digest()
}

/** The first that matches: all others claim to be Safari, and most claim to be Chrome. */
const browsers: readonly (readonly [RegExp, string])[] = [
  [/\bEdg/, 'Edge'],
  [/\bOPR\//, 'Opera'],
  [/\b(Firefox|FxiOS)\//, 'Firefox'],
  [/\b(Chrome|CriOS|Chromium|HeadlessChrome)\//, 'Chrome'],
  [/\bSafari\//, 'Safari'],
]

const systems: readonly (readonly [RegExp, string])[] = [
  [/\b(iPhone|iPad|iPod)\b/, 'iOS'],
  [/\bAndroid\b/, 'Android'],
  [/\bWindows\b/, 'Windows'],
  [/\bMac OS X\b/, 'macOS'],
  [/\bLinux\b/, 'Linux'],
]

/** What people call the program that sent a `User-Agent`: a few words of ours, never its own. */
export function describeClient(userAgent: string): string {
  const text = userAgent.slice(0, 512)
  const [browser, system] = [browsers, systems].map(
    (names) => names.find(([pattern]) => pattern.test(text))?.[1],
  )
  if (browser === undefined) return 'Another program'
  return system === undefined ? browser : `${browser} on ${system}`
}
