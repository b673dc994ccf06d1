import { byHand } from './by-hand.ts'
import type { Contender } from './contender.ts'
import { payflow } from './payflow.ts'
import { rawPublish } from './raw-publish.ts'
import { relay, relayByHand } from './relays.ts'

/** Everybody who can be asked for by name. */
export const contenders: readonly Contender[] = [payflow, byHand, relay, relayByHand, rawPublish]

export function contenderOf(name: string): Contender {
  const found = contenders.find((contender) => contender.name === name)
  if (found === undefined) throw new Error(`there is no contender ${name}`)
  return found
}
