import { problem } from '@payflow-app/service-kit'
import type { NextFunction, Request, Response } from 'express'

const safeMethods = new Set(['GET', 'HEAD', 'OPTIONS'])

/**
 * Refuses what a page of another site sends: the API is for our own page and for programs. There
 * are no CORS headers either, so other pages cannot read answers; this keeps them from causing
 * effects. Programs send neither header and pass.
 */
export function sameOriginOnly(req: Request, _res: Response, next: NextFunction): void {
  if (!safeMethods.has(req.method) && !isSameOrigin(req)) {
    throw problem('forbidden', { detail: 'Requests from other sites are not accepted' })
  }
  next()
}

/** Whether a request is our own page's, or a program's that says nothing about it. */
export function isSameOrigin(req: Request): boolean {
  const site = req.get('sec-fetch-site')
  if (site !== undefined) return site === 'same-origin' || site === 'none'
  const origin = req.get('origin')
  if (origin === undefined) return true
  return URL.parse(origin)?.host === req.get('host')
}
