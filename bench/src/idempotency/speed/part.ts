import type { Redis } from 'ioredis'
import type { Context } from '../../lib/context.ts'
import type { Findings } from '../../lib/result.ts'

/** What a part needs. */
export interface Ground {
  readonly redis: Redis
  readonly redisUrl: string
}

/** A part of this benchmark, on a Redis it shares with the others. */
export type Part = (context: Context, ground: Ground) => Promise<Findings>
