import type { Request, Response } from 'express'

/** Writes and reads one cookie. Scripts cannot read it, other sites cannot send it. */
export interface SecretCookie {
  set(res: Response, token: string): void
  clear(res: Response): void
  /** Undefined also where several come under the name: nobody can tell which one is ours. */
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
    return {
      set: (res, token) => void res.cookie(name, token, { ...attributes, maxAge: maxAgeS * 1_000 }),
      clear: (res) => void res.clearCookie(name, attributes),
      read(req) {
        const values = new Set(valuesOf(name, req.headers.cookie ?? ''))
        const [token = ''] = values
        return values.size === 1 && /^[\w-]{43}$/.test(token) ? token : undefined
      },
    }
  }
  return {
    refresh: cookie('payflow_refresh', refreshTokenS),
    device: cookie('payflow_device', DEVICE_S),
  }
}

/** The values under a name: the pages of sibling domains can add one to ours. */
function valuesOf(name: string, header: string): string[] {
  const cookies = header.split(';').map((cookie) => cookie.trim())
  return cookies.flatMap((cookie) =>
    cookie.startsWith(`${name}=`) ? [cookie.slice(name.length + 1)] : [],
  )
}
