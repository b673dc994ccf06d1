import { randomUUID } from 'node:crypto'
import { type Child, spawnChild } from '@payflow/testkit'
import type { Redis } from 'ioredis'
import type { World } from '../../lib/world.ts'
import type { Contender } from '../contenders/contender.ts'
import { Connection, type Reply } from '../../lib/connection.ts'
import { pay } from './pay.ts'

const payment = '{"amount":500,"to":"acct_00000017"}'

interface Known {
  readonly key: string
  readonly body: string
}

/** Processor time of a slice, per answered request. */
export interface CpuShare {
  readonly nodeMicros: number
  readonly redisMicros: number
}

/** So many answers are kept to be asked for again; the youngest of them are left to settle. */
const ringSize = 4_096
const ringRest = 256

/** A contender's process under load, and how to tell whether every key was executed once. */
export class Contestant implements World {
  readonly compared = 'executions + replays = answers, each key once'
  readonly name: string
  readonly cpu: CpuShare[] = []
  readonly #child: Child
  readonly #redis: Redis
  readonly #connections: readonly Connection[]
  #ring: Known[] = []
  #next = 0
  #replies = 0
  #wrong: string[] = []
  #before: { rows: number; node: number; redis: number } | undefined

  static async open(
    contender: Contender,
    redis: Redis,
    redisUrl: string,
    { connections, bodyBytes = 300 }: { connections: number; bodyBytes?: number },
  ): Promise<Contestant> {
    const child = await spawnChild(new URL('app.ts', import.meta.url), {
      env: {
        CONTENDER: contender.name,
        REDIS_URL: redisUrl,
        BODY_BYTES: String(bodyBytes),
        NODE_ENV: 'production',
      },
    })
    const { port } = await child.message<{ port: number }>((message) => 'port' in message)
    const open = Array.from({ length: connections }, () => Connection.open(port))
    return new Contestant(contender.name, child, redis, await Promise.all(open))
  }

  private constructor(
    name: string,
    child: Child,
    redis: Redis,
    connections: readonly Connection[],
  ) {
    this.name = name
    this.#child = child
    this.#redis = redis
    this.#connections = connections
  }

  /** A payment with a new key. */
  async first(caller: number): Promise<number> {
    const key = randomUUID()
    const { status, body } = await this.#post(caller, key)
    if (status !== 201) throw new Error(`status ${status}`)
    this.#ring[this.#next] = { key, body }
    this.#next = (this.#next + 1) % ringSize
    return 1
  }

  /** An earlier request again, in `share` of the calls. */
  async mixed(caller: number, share: number): Promise<number> {
    const known = Math.random() < share ? this.#earlier() : undefined
    if (known === undefined) return this.first(caller)
    const { status, body } = await this.#post(caller, known.key)
    // A peer that stores after it has answered says 409 for a moment: late, but not wrong.
    if (status !== 409 && (status !== 201 || body !== known.body)) {
      this.#wrong.push(`a duplicate got ${status} and another answer`)
    }
    this.#replies += 1
    return 1
  }

  /** The same request on every connection at once; answers the milliseconds until all have theirs. */
  async stampede(): Promise<{ ms: number; statuses: readonly number[] }> {
    const key = randomUUID()
    const startedAt = performance.now()
    const replies = await Promise.all(this.#connections.map((_, i) => this.#post(i, key)))
    const ms = performance.now() - startedAt
    return { ms, statuses: replies.map(({ status }) => status) }
  }

  async executions(): Promise<number> {
    return (await this.#usage()).executions
  }

  async rows(): Promise<number> {
    const { executions, cpuMicros } = await this.#usage()
    const redis = await redisCpuMicros(this.#redis)
    const rows = executions + this.#replies
    if (this.#before === undefined) {
      // Between slices, so that memory and the answers kept stay small.
      await this.#redis.flushall('ASYNC')
      this.#ring = []
      this.#next = 0
      const clean = await redisCpuMicros(this.#redis)
      this.#before = { rows, node: cpuMicros, redis: clean }
    } else {
      const { rows: rowsBefore, node, redis: redisBefore } = this.#before
      const answered = Math.max(1, rows - rowsBefore)
      this.cpu.push({
        nodeMicros: (cpuMicros - node) / answered,
        redisMicros: (redis - redisBefore) / answered,
      })
      this.#before = undefined
    }
    return rows
  }

  async faults(): Promise<readonly string[]> {
    return this.#wrong.splice(0).slice(0, 3)
  }

  async settle(): Promise<void> {}

  async close(): Promise<void> {
    for (const connection of this.#connections) connection.close()
    await this.#child.kill()
  }

  #post(caller: number, key: string): Promise<Reply> {
    const connection = this.#connections[caller]
    if (connection === undefined) throw new Error(`no connection ${caller}`)
    return pay(connection, key, payment)
  }

  #earlier(): Known | undefined {
    if (this.#ring.length <= ringRest) return undefined
    const age = ringRest + Math.floor(Math.random() * (this.#ring.length - ringRest))
    return this.#ring[(this.#next - age + 2 * ringSize) % ringSize]
  }

  async #usage(): Promise<{ executions: number; cpuMicros: number }> {
    this.#child.send({ ask: 'usage' })
    return this.#child.message((message) => 'cpuMicros' in message)
  }
}

/** Processor time that Redis has used, in microseconds. */
async function redisCpuMicros(redis: Redis): Promise<number> {
  const info = await redis.info('cpu')
  const seconds = (name: string): number =>
    Number(new RegExp(`^${name}:(.+)$`, 'm').exec(info)?.[1] ?? Number.NaN)
  return (seconds('used_cpu_sys') + seconds('used_cpu_user')) * 1e6
}
