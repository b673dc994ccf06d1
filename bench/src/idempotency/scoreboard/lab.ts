import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Child, pause, type Server, spawnChild, startRedis } from '@payflow/testkit'
import { Redis } from 'ioredis'
import type { Contender } from '../contenders/contender.ts'
import type { HandlerName } from './handlers.ts'
import { type Answer, type Sent, send } from './http.ts'
import { openProxy, type Proxy } from './proxy.ts'

/** What Redis holds about a key. */
export interface Stored {
  readonly name: string
  readonly ttlMs: number
  readonly bytes: Buffer
}

/** The two functions by which the suite knows a contender. */
export interface Driver {
  /** A protected route with that handler behind it; answers its address. */
  start(handler: HandlerName): Promise<string>
  /** Everything the contender keeps about the keys of this case. */
  inspect(key: string): Promise<readonly Stored[]>
}

/** How an app differs from the usual one. */
export interface Variation {
  readonly skewMs?: number
  readonly variant?: 'compressed' | 'no parser'
}

/** The app under test, and what a case does to it. */
export interface App {
  readonly child: Child
  url(handler: HandlerName, mount?: 'a' | 'b'): string
}

/** After this long a claim may be taken over, of those who can be told. */
export const leaseMs = 1_000

/** A contender with a Redis of its own, for one case after the other. */
export class Lab implements Driver, AsyncDisposable {
  readonly contender: Contender
  readonly server: Server
  readonly proxy: Proxy
  readonly redis: Redis
  readonly #folder: string
  readonly #apps: Child[] = []
  #reusable: App | undefined
  #cases = 0

  static async open(contender: Contender, announce: (line: string) => void): Promise<Lab> {
    const server = await startRedis({ name: 'scoreboard', announce })
    return new Lab(contender, server, await openProxy(server.port))
  }

  private constructor(contender: Contender, server: Server, proxy: Proxy) {
    this.contender = contender
    this.server = server
    this.proxy = proxy
    this.redis = new Redis(server.url)
    this.redis.on('error', () => undefined)
    this.#folder = mkdtempSync(join(tmpdir(), 'payflow-scoreboard-'))
  }

  get #effectsFile(): string {
    return join(this.#folder, 'effects')
  }

  /** A clean Redis, and nothing paid. */
  async begin(): Promise<void> {
    this.#cases += 1
    await this.redis.flushall()
    await this.redis.config('SET', 'maxmemory', '0', 'maxmemory-policy', 'noeviction')
    writeFileSync(this.#effectsFile, '')
  }

  /** A key of this case alone: some contenders still write when the last case is over. */
  key(name = 'k'): string {
    return `${name}-${this.#cases}`
  }

  /** Ends what the case started; `keep` the usual app for the next case. */
  async end(keep: boolean): Promise<void> {
    this.server.resume()
    this.proxy.heal()
    const kept = keep ? this.#reusable?.child : undefined
    for (const child of this.#apps.splice(0)) {
      if (child === kept) this.#apps.push(child)
      else await child.kill()
    }
    if (kept === undefined) this.#reusable = undefined
  }

  async start(handler: HandlerName): Promise<string> {
    return (await this.app()).url(handler)
  }

  async inspect(_key: string): Promise<readonly Stored[]> {
    const names = await this.redis.keys('*')
    return Promise.all(
      names.map(async (name) => ({
        name,
        ttlMs: await this.redis.pttl(name),
        bytes: (await this.redis.getBuffer(name)) ?? Buffer.alloc(0),
      })),
    )
  }

  /** The usual app, running. */
  async app(): Promise<App> {
    if (this.#reusable === undefined) this.#reusable = await this.another()
    return this.#reusable
  }

  /** One more process of the app, on the same Redis. */
  async another({ skewMs = 0, variant }: Variation = {}): Promise<App> {
    const child = await spawnChild(new URL('app.ts', import.meta.url), {
      env: {
        CONTENDER: this.contender.name,
        REDIS_URL: this.proxy.url,
        EFFECTS: this.#effectsFile,
        LEASE_MS: String(leaseMs),
        SKEW_MS: String(skewMs),
        VARIANT: variant ?? '',
        NODE_ENV: 'production',
      },
    })
    this.#apps.push(child)
    void child.exited.then(() => {
      if (this.#reusable?.child === child) this.#reusable = undefined
    })
    const { port } = await child.message<{ port: number }>((message) => 'port' in message)
    const url = (handler: HandlerName, mount = 'a') =>
      `http://127.0.0.1:${port}/${mount}/${handler}`
    return { child, url }
  }

  /** Payments so far. */
  effects(): number {
    return readFileSync(this.#effectsFile, 'utf8').split('\n').length - 1
  }

  /** Sends the request again and again until it is answered by a final answer. */
  async until(
    url: string,
    sent: Sent,
    isDone: (answer: Answer) => boolean,
    withinMs: number,
  ): Promise<Answer | undefined> {
    const deadline = performance.now() + withinMs
    let last: Answer | undefined
    while (performance.now() < deadline) {
      const answer = await send(url, { patienceMs: 2_000, ...sent }).catch(() => undefined)
      last = answer ?? last
      if (answer !== undefined && isDone(answer)) return answer
      await pause(100)
    }
    return last
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end(false)
    this.redis.disconnect()
    await this.proxy.close()
    await this.server.stop()
    rmSync(this.#folder, { recursive: true })
  }
}
