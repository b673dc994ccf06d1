// A config module as a user would write one, over the Redis of REDIS_URL.
import { Redis } from 'ioredis'
import { createIdempotency, presets } from '../../src/index.ts'
import type { IdempotencyConfig } from '../../src/cli/index.ts'
import { redisStore } from '../../src/redis/index.ts'

export default function config(): IdempotencyConfig {
  const client = new Redis(process.env['REDIS_URL'] ?? '', { maxRetriesPerRequest: 1 })
  client.on('error', () => undefined)
  const prefix = process.env['PREFIX'] ?? ''
  const store = redisStore({ client, prefix, deadlineMs: 5_000 })
  const scope = (): string => 'cli'
  return {
    idempotency: createIdempotency({ store, scope, ...presets.payments }),
    close: () => client.disconnect(),
  }
}
