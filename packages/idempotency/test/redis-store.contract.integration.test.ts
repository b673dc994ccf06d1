// The Redis store keeps the same contract as the memory store, on a real Redis.
import { isolatedStore } from './support/redis.ts'
import { describeStore } from './support/store-contract.ts'

describeStore('redisStore', () => isolatedStore())
