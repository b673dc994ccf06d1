// The Express middleware keeps the contract that is published for middlewares of any framework.
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import express from 'express'
import type { Request } from 'express'
import { describe, it } from 'vitest'
import { createIdempotency, presets } from '../src/index.ts'
import { idempotent } from '../src/express/index.ts'
import { memoryStore } from '../src/memory/index.ts'
import { describeMiddleware } from '../src/testing/index.ts'
import type { StartMiddleware } from '../src/testing/index.ts'
import type { IdempotencyStore } from '../src/index.ts'
import { isolatedStore } from './support/redis.ts'

const startWith =
  (makeStore: () => IdempotencyStore): StartMiddleware =>
  async (handler) => {
    const idempotency = createIdempotency({
      store: makeStore(),
      scope: (req: Request) => req.get('x-user'),
      ...presets.payments,
    })
    const app = express()
      .use(express.json({ strict: false }), idempotent(idempotency))
      .post('/{*path}', async (_req, res) => {
        const { status, headers = {}, body } = await handler()
        res.writeHead(status, headers).end(body)
      })
      // Express' own last resort would print the error that a clause throws on purpose.
      .use(((_error, _req, res, _next) => void res.sendStatus(500)) as express.ErrorRequestHandler)
    const server = app.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return {
      url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      async close() {
        server.closeAllConnections()
        server.close()
        await once(server, 'close')
      },
    }
  }

describeMiddleware('idempotent() on Redis', startWith(isolatedStore), { describe, it })
describeMiddleware('idempotent() in memory', startWith(memoryStore), { describe, it })
