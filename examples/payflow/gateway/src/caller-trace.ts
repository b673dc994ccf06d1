import type { CallerTrace } from '@payflow-app/service-kit'
import type { Request } from 'express'
import { isSameOrigin } from './same-origin.ts'

/**
 * What becomes of the trace that a request from outside comes with. Our page's goes on; that of
 * anybody else is linked to one of our own, so that other sites' pages and programs that trace
 * themselves do not mix their traces with ours. It is no protection: a program that says it is our
 * page is taken for it, and can add to a trace whose id it knows. Whether a trace is recorded it
 * does not decide. Files of the page are no story worth telling.
 */
export function callerTrace(req: Request): CallerTrace {
  if (!req.path.startsWith('/api/')) return 'ignore'
  // Browsers say who asks, and truly; a program that says nothing is no page.
  const saysWhoAsks = req.get('sec-fetch-site') ?? req.get('origin')
  return saysWhoAsks !== undefined && isSameOrigin(req) ? 'page' : 'begin'
}
