// The Redis store keeps the same contract as the memory store, on a real Redis.
import { describe, it } from 'vitest'
import { describeStore } from '../src/testing/index.ts'
import { isolatedStore } from './support/redis.ts'

describeStore('redisStore', () => isolatedStore(), { describe, it })
