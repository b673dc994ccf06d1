import type { Redis } from 'ioredis'
import type { RedisPort } from '../../src/redis/index.ts'

/** Passes every call on to a real client, and writes down which commands it sent. */
export function countingClient(client: Redis): RedisPort & { readonly commands: string[] } {
  const commands: string[] = []
  return {
    commands,
    callBuffer(command, ...args) {
      commands.push(command)
      return client.callBuffer(command, ...args)
    },
  }
}
