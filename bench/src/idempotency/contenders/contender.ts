import type { Express, Request, RequestHandler } from 'express'

/** Where a contender runs. */
export interface Setup {
  readonly redisUrl: string
  /**
   * After how many milliseconds the claim of a dead process may be taken over, for those who can be
   * told. The scoreboard makes it short, the benchmark leaves the default.
   */
  readonly leaseMs?: number
  /** The effect begins where the handler says so, not where it begins. Ours alone can be told. */
  readonly explicitCommit?: boolean
}

/** A contender in an app. */
export interface Protection {
  /** What to mount at the path, in this order. */
  route(path: string, handler: RequestHandler): RequestHandler[]
  /** Called by handlers before their effect; nothing where there is no such thing. */
  commit(req: Request): Promise<void>
}

/** A library, or what one writes without one, in front of an Express 5 route. */
export interface Contender {
  /** Short, for the command line and the columns. */
  readonly name: string
  /** Packages whose versions make up the result; none for what is written here. */
  readonly packages: readonly string[]
  /** What was written here to put it before an Express route, so that a reader can judge it. */
  readonly adapter: string
  protect(app: Express, setup: Setup): Promise<Protection>
}

/** The principal of a request; what authentication would have found. */
export const userOf = (req: Request): string | undefined => req.get('x-user')

export const nothing = async (): Promise<void> => {}
