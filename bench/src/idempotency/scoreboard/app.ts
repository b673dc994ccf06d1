/*
 * The program that a contender protects: every handler at /a/NAME and, by a second router, at
 * /b/NAME. Started by the scoreboard, stopped at its probes, and killed.
 */
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import compression from 'compression'
import express from 'express'
import { contender } from '../contenders/all.ts'
import { bankAt, handlers } from './handlers.ts'

const { CONTENDER = '', REDIS_URL = '', EFFECTS = '', LEASE_MS = '' } = process.env
const { SKEW_MS = '0', VARIANT = '' } = process.env

if (SKEW_MS !== '0') {
  const clock = Date.now
  const skewMs = Number(SKEW_MS)
  const RealDate = Date
  // What a machine with a wrong clock would see: both ways to ask for the time.
  globalThis.Date = class extends RealDate {
    constructor(...args: []) {
      if (args.length === 0) super(clock() + skewMs)
      else super(...args)
    }
    static override now = (): number => clock() + skewMs
  } as DateConstructor
}

const app = express()
if (VARIANT === 'compressed') app.use(compression({ threshold: 0 }))
if (VARIANT !== 'no parser') app.use(express.json({ limit: '8mb', strict: false }))
const setup = { redisUrl: REDIS_URL, leaseMs: Number(LEASE_MS), explicitCommit: true }
const protection = await contender(CONTENDER).protect(app, setup)
const bank = bankAt(EFFECTS, protection.commit)
for (const prefix of ['/a', '/b']) {
  const router = express.Router()
  for (const [name, handler] of Object.entries(handlers(bank))) {
    router.post(`/${name}`, ...protection.route(`${prefix}/${name}`, handler))
  }
  app.use(prefix, router)
}
const onError: express.ErrorRequestHandler = (
  error: Error & { status?: number },
  _req,
  res,
  next,
) => {
  if (res.headersSent) return next(error)
  const status = error.status ?? (res.statusCode >= 400 ? res.statusCode : 500)
  res.status(status).json({ error: error.message })
}
app.use(onError)

const server = app.listen(0, '127.0.0.1')
await once(server, 'listening')
process.once('SIGTERM', () => {
  // As after closing one's connections in order: what was written before goes out.
  server.close(() => setTimeout(() => process.exit(0), 200))
  server.closeIdleConnections()
})
process.send?.({ port: (server.address() as AddressInfo).port })
