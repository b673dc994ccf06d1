import type { CallerTrace } from '@payflow-app/service-kit'
import type { Request } from 'express'
import { isSameOrigin } from './same-origin.ts'

/**
 * What becomes of the trace that a request from outside comes with. Our page's goes on; that of
 * anybody else is linked to one of our own, so that nobody can write into traces by guessing ids.
 * Files of the page are no story worth telling.
 */
export function callerTrace(req: Request): CallerTrace {
  if (!req.path.startsWith('/api/')) return 'ignore'
  // Browsers say who asks; a program that says nothing is no page.
  const saysWhoAsks = req.get('sec-fetch-site') ?? req.get('origin')
  return saysWhoAsks !== undefined && isSameOrigin(req) ? 'page' : 'begin'
}
