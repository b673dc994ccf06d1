import { join } from 'node:path'
import { problem } from '@payflow-app/service-kit'
import express, { type Express, type NextFunction, type Request, type Response } from 'express'

/** A year: the build names its assets by their contents, so a name never changes its meaning. */
const ASSET_MAX_AGE_MS = 365 * 24 * 3_600_000

/**
 * Serves the built web page. Assets may be kept for ever, the page itself is asked for each time.
 * Paths the page routes by itself (`/send`, `/history`) get the page.
 */
export function serveWebPage(app: Express, root: string): void {
  const assets = { immutable: true, maxAge: ASSET_MAX_AGE_MS, index: false, redirect: false }
  app.use('/assets', express.static(join(root, 'assets'), assets), function refuseUnknownAsset() {
    throw problem('not-found', { detail: 'There is no such file' })
  })
  app.use(
    express.static(root, { index: false, redirect: false, setHeaders: alwaysAskAgain }),
    pageFor(root),
  )
}

function alwaysAskAgain(res: Response): void {
  res.setHeader('cache-control', 'no-cache')
}

function pageFor(root: string) {
  return function sendWebPage(req: Request, res: Response, next: NextFunction): void {
    const wantsPage = (req.method === 'GET' || req.method === 'HEAD') && req.accepts('html')
    if (!wantsPage || req.path.startsWith('/api')) {
      next()
      return
    }
    alwaysAskAgain(res)
    res.sendFile('index.html', { root, cacheControl: false }, (error) => {
      if (!error || res.headersSent) return
      res.status(503).type('html').send(notBuilt)
    })
  }
}

const notBuilt = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>PayFlow: the page is not built</title>
<h1>The web page has not been built yet</h1>
<p>The API is running under <code>/api</code>. To build the page, run this and reload:</p>
<pre>pnpm --filter @payflow-app/web build</pre>
</html>
`
