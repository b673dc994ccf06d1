import type { Request, Response } from 'express'

/** The cookie the refresh token travels in. */
export const REFRESH_COOKIE = 'payflow_refresh'

/** Writes and reads the refresh cookie. Scripts cannot read it, other sites cannot send it. */
export interface RefreshCookie {
  set(res: Response, token: string): void
  clear(res: Response): void
  read(req: Request): string | undefined
}

/** Options of {@link createRefreshCookie}. */
export interface RefreshCookieOptions {
  readonly path: string
  readonly secure: boolean
  readonly maxAgeS: number
}

/** Creates the cookie's reader and writer. */
export function createRefreshCookie({
  path,
  secure,
  maxAgeS,
}: RefreshCookieOptions): RefreshCookie {
  const attributes = { path, secure, httpOnly: true, sameSite: 'strict' } as const
  const pattern = new RegExp(`(?:^|;)\\s*${REFRESH_COOKIE}=([\\w-]{43})(?:;|$)`)
  return {
    set: (res, token) =>
      void res.cookie(REFRESH_COOKIE, token, { ...attributes, maxAge: maxAgeS * 1_000 }),
    clear: (res) => void res.clearCookie(REFRESH_COOKIE, attributes),
    read: (req) => pattern.exec(req.headers.cookie ?? '')?.[1],
  }
}
