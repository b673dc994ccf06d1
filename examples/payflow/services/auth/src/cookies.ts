import type { Request, Response } from 'express'

/** Writes and reads one cookie. Scripts cannot read it, other sites cannot send it. */
export interface SecretCookie {
  set(res: Response, token: string): void
  clear(res: Response): void
  read(req: Request): string | undefined
}

/** The cookie that the refresh token travels in. */
export type RefreshCookie = SecretCookie

/**
 * The cookie by which a browser is known again in which somebody has logged in. It opens nothing:
 * attempts that come with it are counted apart from those of strangers.
 */
export type DeviceCookie = SecretCookie

/** Options of {@link createCookies}. */
export interface CookieOptions {
  readonly path: string
  readonly secure: boolean
  readonly refreshTokenS: number
}

/** A year; browsers forget after four hundred days whatever they are told. */
const DEVICE_S = 365 * 24 * 3_600

/** Creates the cookies' readers and writers. */
export function createCookies({ path, secure, refreshTokenS }: CookieOptions): {
  readonly refresh: RefreshCookie
  readonly device: DeviceCookie
} {
  const cookie = (name: string, maxAgeS: number): SecretCookie => {
    const attributes = { path, secure, httpOnly: true, sameSite: 'strict' } as const
    const pattern = new RegExp(`(?:^|;)\\s*${name}=([\\w-]{43})(?:;|$)`)
    return {
      set: (res, token) => void res.cookie(name, token, { ...attributes, maxAge: maxAgeS * 1_000 }),
      clear: (res) => void res.clearCookie(name, attributes),
      read: (req) => pattern.exec(req.headers.cookie ?? '')?.[1],
    }
  }
  return {
    refresh: cookie('payflow_refresh', refreshTokenS),
    device: cookie('payflow_device', DEVICE_S),
  }
}
