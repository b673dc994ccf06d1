import type { IRouter, Request, RequestHandler, Response } from 'express'
import { problem } from './problem-error.ts'

/** The handlers of one path, by method. */
export interface MethodHandlers {
  readonly get?: readonly RequestHandler[]
  readonly post?: readonly RequestHandler[]
  readonly put?: readonly RequestHandler[]
  readonly delete?: readonly RequestHandler[]
}

const methods = ['get', 'post', 'put', 'delete'] as const
const patterns = new WeakMap<Request, string>()

/**
 * Registers all methods of one path. Any other method is answered with 405 and `Allow`, which
 * Express alone would answer with 404. The path is also the request's `route` in the metrics, so
 * that their number stays bounded.
 */
export function route(router: IRouter, path: string, handlers: MethodHandlers): void {
  const registered = router.route(path)
  registered.all(function rememberRoute(req, _res, next) {
    patterns.set(req, path)
    next()
  })
  for (const method of methods) {
    const chain = handlers[method]
    if (chain) registered[method](...chain)
  }
  const allow = allowedMethods(handlers)
  registered.all(function refuseOtherMethods(req: Request, res: Response) {
    res.setHeader('allow', allow)
    if (req.method === 'OPTIONS') {
      res.status(204).end()
      return
    }
    throw problem('method-not-allowed', { detail: `This route takes ${allow}` })
  })
}

function allowedMethods(handlers: MethodHandlers): string {
  const names = methods.filter((method) => handlers[method]).map((name) => name.toUpperCase())
  if (handlers.get) names.push('HEAD')
  return [...names, 'OPTIONS'].join(', ')
}

/** The pattern of the route that took the request, e.g. `/wallets/:id`; for metrics and logs. */
export function routeOf(req: Request): string {
  const known = patterns.get(req)
  if (known !== undefined) return known
  const path: unknown = (req.route as { path?: unknown } | undefined)?.path
  return typeof path === 'string' ? req.baseUrl + path : 'unmatched'
}
