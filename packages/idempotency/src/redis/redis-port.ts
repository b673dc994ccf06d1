/** A value in a Redis command. */
export type RedisArgument = string | Buffer | number

/**
 * What the store asks of a Redis client; `Redis` and `Cluster` of ioredis 5 and 6 have it. Answers
 * must carry bulk strings as `Buffer`, since records are bytes.
 *
 * Give the store its own connection with few retries (`maxRetriesPerRequest: 1` or so): commands
 * that wait in a long offline queue run late, when their request has been answered.
 */
export interface RedisPort {
  /** Sends one command. */
  callBuffer(command: string, ...args: RedisArgument[]): Promise<unknown>
  /** Preferred where the client has it: automatic pipelining of ioredis loses `command` above. */
  evalshaBuffer?(sha: string, keyCount: number, ...args: RedisArgument[]): Promise<unknown>
  /** Preferred where the client has it. */
  evalBuffer?(lua: string, keyCount: number, ...args: RedisArgument[]): Promise<unknown>
  /** Preferred where the client has it, for the same reason. */
  info?(): Promise<string>
  /** Preferred where the client has it, for the same reason. */
  scan?(
    position: string,
    match: 'MATCH',
    pattern: string,
    count: 'COUNT',
    scanCount: number,
  ): Promise<unknown>
  /** A Cluster has it. */
  nodes?(role: 'master'): readonly RedisNode[]
  /** A Cluster has it: which nodes serve a slot, the master first. */
  readonly slots?: readonly (readonly string[])[]
  /** What ioredis was told. */
  readonly options?: {
    readonly host?: string | undefined
    readonly port?: number | undefined
    readonly enableAutoPipelining?: boolean | undefined
  }
  /** The connection; commands of one turn of the event loop are written to it in one piece. */
  readonly stream?: { cork(): void; uncork(): void } | null | undefined
  /** Called with true on a connection whose server has become a replica: connect anew. */
  disconnect?(reconnect?: boolean): void
}

/** One server of a Cluster. */
export interface RedisNode extends RedisPort {
  readonly options: { readonly host?: string | undefined; readonly port?: number | undefined }
}
