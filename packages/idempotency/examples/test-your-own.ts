/*
 * Runs the published suites under Node's own test runner: node examples/test-your-own.ts
 * Put your own store and your own server in; vitest, Jest and Mocha have the same two functions.
 */
// #region main
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { describe, it } from 'node:test'
import express from 'express'
import { createIdempotency, presets } from '@payflow/idempotency'
import { idempotent } from '@payflow/idempotency/express'
import { memoryStore } from '@payflow/idempotency/memory'
import { describeMiddleware, describeStore } from '@payflow/idempotency/testing'
import type { StartMiddleware } from '@payflow/idempotency/testing'

const makeStore = () => memoryStore() // a store of your own

/** A server that protects POST of every path, with the user in `x-user`. */
const start: StartMiddleware = async (handler) => {
  const scope = (req: express.Request) => req.get('x-user')
  const idempotency = createIdempotency({ store: makeStore(), scope, ...presets.payments })
  const app = express()
  app.use(express.json(), idempotent(idempotency)) // a middleware of your own
  app.use(async (_req, res) => {
    const { status, headers, body } = await handler()
    res.writeHead(status, headers).end(body)
  })
  app.set('env', 'test') // handlers that throw are part of the suite: Express need not log them
  const server = app.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return { url: `http://127.0.0.1:${port}`, close: () => void server.close() }
}

describeStore('my store', makeStore, { describe, it })
describeMiddleware('my middleware', start, { describe, it })
// #endregion main
