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
}
