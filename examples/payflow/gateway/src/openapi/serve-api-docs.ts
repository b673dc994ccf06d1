import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { openApiDocument } from '@payflow-app/contracts/api'
import { problem, route } from '@payflow-app/service-kit'
import express, { type Express, type Request, type RequestHandler } from 'express'

/** An hour: the files change with the version of Swagger UI only, and their names do not. */
const ASSET_MAX_AGE_MS = 3_600_000

/** All of Swagger UI that the page needs; the package has ten times as much. */
const assets = new Set(['/swagger-ui.css', '/swagger-ui-bundle.js', '/favicon-32x32.png'])

const swaggerUi = dirname(fileURLToPath(import.meta.resolve('swagger-ui-dist/package.json')))
const ownFiles = join(import.meta.dirname, 'page')

/**
 * Serves the OpenAPI document at `/api/openapi.json` and, at `/api/docs`, a page to read and try it.
 * Everything the page loads comes from here, and it runs under the policy of all our pages.
 */
export function serveApiDocs(app: Express): void {
  const document = JSON.stringify(openApiDocument())
  route(app, '/api/openapi.json', {
    get: [
      function sendOpenApi(_req, res) {
        res.setHeader('cache-control', 'no-cache')
        res.type('application/json').send(document)
      },
    ],
  })
  route(app, '/api/docs', {
    get: [
      function sendDocsPage(_req, res) {
        res.sendFile('index.html', { root: ownFiles, headers: { 'cache-control': 'no-cache' } })
      },
    ],
  })
  const files = { index: false, redirect: false, maxAge: ASSET_MAX_AGE_MS } as const
  app.use(
    '/api/docs',
    express.static(ownFiles, files),
    onlyAssets,
    express.static(swaggerUi, files),
    function noSuchDocsFile(_req: Request) {
      throw problem('not-found', { detail: 'There is no such file' })
    },
  )
}

const onlyAssets: RequestHandler = function onlyDocsAssets(req, _res, next) {
  next(assets.has(req.path) ? undefined : problem('not-found', { detail: 'There is no such file' }))
}
