import { type Server, startRedis } from '@payflow/testkit'
import { Redis } from 'ioredis'
import type { Bench, Context } from '../../lib/context.ts'
import type { Findings } from '../../lib/result.ts'
import { ours, peers, homemade, versionsOf } from '../contenders/all.ts'
import { duplicates } from './duplicates.ts'
import { first } from './first.ts'
import { memory } from './memory.ts'
import type { Part } from './part.ts'
import { stampede } from './stampede.ts'

const parts: Readonly<Record<string, Part>> = { first, duplicates, stampede, memory }

/** What a protected route costs: ours, written by hand, peers. */
export const idempotency: Bench = {
  about: `A protected Express 5 route against the bare one, against two commands written by hand, and against ${peers.map((peer) => versionsOf(peer)[0]).join(', ')}: first requests, duplicates, a thousand at once, memory.`,
  takes: 'about 5 minutes',
  async run(context) {
    await using server = await openRedis(context)
    const redis = new Redis(server.url)
    await redis.config('SET', 'appendonly', 'no')
    for (const contender of [ours, ...peers, ...homemade]) {
      const [name = '', ...others] = versionsOf(contender)
      context.used(name.slice(0, name.lastIndexOf('@')), name.slice(name.lastIndexOf('@') + 1))
      for (const other of others) {
        const at = other.lastIndexOf('@')
        context.used(other.slice(0, at), other.slice(at + 1))
      }
    }
    const sections: Findings['sections'][number][] = []
    const claims: Findings['claims'][number][] = []
    const faults: string[] = []
    try {
      for (const [name, part] of Object.entries(parts)) {
        if (context.only.length > 0 && !context.only.includes(name)) continue
        const found = await part(context, { redis, redisUrl: server.url })
        sections.push(...found.sections)
        claims.push(...found.claims)
        faults.push(...found.faults.map((fault) => `${name}: ${fault}`))
      }
    } finally {
      redis.disconnect()
    }
    return { sections, claims, faults }
  },
}

async function openRedis(context: Context): Promise<Server> {
  const server = await startRedis({ name: 'bench', announce: context.say })
  context.used('redis', server.version, { appendonly: 'no', 'maxmemory-policy': 'noeviction' })
  return server
}
