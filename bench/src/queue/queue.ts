import { startRabbitmq, startRedis } from '@payflow/testkit'
import { batches } from './batches.ts'
import { latency } from './latency.ts'
import type { Bench } from '../lib/context.ts'
import { openPostgres } from '../lib/postgres.ts'
import type { Claim, Section } from '../lib/result.ts'
import { oneByOne } from './one-by-one.ts'
import { peers } from './peers.ts'
import type { Part } from './part.ts'
import { relay } from './relay.ts'
import { shapes } from './shapes.ts'

const parts: Readonly<Record<string, Part>> = {
  'one-by-one': oneByOne,
  batches,
  shapes,
  relay,
  latency,
  peers,
}

/** The claims of the queue, measured. */
export const queue: Bench = {
  about: 'The queue against a loop written by hand and against other libraries.',
  takes: 'at most 12 minutes',
  async run(context) {
    await using postgres = await openPostgres(context)
    await using rabbitmq = await startRabbitmq({ name: 'bench', announce: context.say })
    await using redis = await startRedis({
      name: 'bench',
      settings: { appendfsync: 'always' },
      announce: context.say,
    })
    context.used('rabbitmq', rabbitmq.version)
    context.used('redis', redis.version, { appendonly: 'yes', appendfsync: 'always' })
    const sections: Section[] = []
    const claims: Claim[] = []
    const faults: string[] = []
    for (const [name, part] of Object.entries(parts)) {
      if (context.only.length > 0 && !context.only.includes(name)) continue
      const found = await part(context, { postgres, rabbitmq, redisUrl: redis.url })
      sections.push(...found.sections)
      claims.push(...found.claims)
      faults.push(...found.faults.map((fault) => `${name}: ${fault}`))
    }
    return { sections, claims, faults }
  },
}
