/*
 * A process for the tests of tracing: answers which trace it was called with, and what the next
 * process answered, if it has one.
 */
import { z } from 'zod'
import { createHttpClient, httpUrlVariable, route, runService } from '../../src/index.ts'

await runService({
  name: 'relaying',
  variables: {
    NEXT_URL: httpUrlVariable.optional(),
    /** What is done with the trace of a caller. */
    CALLER: z.enum(['continue', 'page']).default('continue'),
  },
  start: ({ config }) => ({
    callerTrace: () => config.CALLER,
    routes(app) {
      route(app, '/relay/:id', {
        get: [
          async (req, res) => {
            const next = config.NEXT_URL
            const answer =
              next === undefined
                ? undefined
                : await createHttpClient({ name: 'next', baseUrl: next }).request({
                    method: 'GET',
                    path: '/relay/8',
                    schema: z.unknown(),
                  })
            const { body } = answer?.outcome === 'ok' ? answer : {}
            res.json({ seen: req.get('traceparent') ?? null, next: body })
          },
        ],
      })
    },
  }),
})
