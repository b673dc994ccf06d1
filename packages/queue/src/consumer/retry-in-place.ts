import { setTimeout as delay } from 'node:timers/promises'
import { isSerializationFailure } from '../postgres/pg-errors.ts'

const IN_PLACE_RETRIES = 3

/** Runs a transaction, and up to three times more after serialization failures and deadlocks. */
export async function retryInPlace<T>(transaction: () => Promise<T>): Promise<T> {
  for (let round = 0; ; round += 1) {
    try {
      return await transaction()
    } catch (error) {
      if (!isSerializationFailure(error) || round >= IN_PLACE_RETRIES) throw error
      await delay(10 + Math.random() * 40 * (round + 1))
    }
  }
}
