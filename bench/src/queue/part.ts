import type { Server } from '@payflow/testkit'
import type { Context } from '../lib/context.ts'
import type { Findings } from '../lib/result.ts'

/** The servers of a run. */
export interface Ground {
  readonly postgres: Server
  readonly rabbitmq: Server
  readonly redisUrl: string
}

/** A part of this benchmark. */
export type Part = (context: Context, ground: Ground) => Promise<Findings>
