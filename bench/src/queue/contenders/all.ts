import { bullmq } from './bullmq.ts'
import { byHand, byHandClassic } from './by-hand.ts'
import { cloudamqp } from './cloudamqp.ts'
import { connectionManager } from './connection-manager.ts'
import type { Contender } from './contender.ts'
import { graphileWorker } from './graphile-worker.ts'
import { payflow, payflowBatch, payflowSets } from './payflow.ts'
import { pgBoss } from './pg-boss.ts'
import { rabbitmqClient } from './rabbitmq-client.ts'
import { rascal } from './rascal.ts'
import { rawPublish } from './raw-publish.ts'
import { relay, relayByHand } from './relays.ts'

/** What one would install instead. */
export const peers: readonly Contender[] = [
  rascal,
  rabbitmqClient,
  connectionManager,
  cloudamqp,
  pgBoss,
  graphileWorker,
  bullmq,
]

const all: readonly Contender[] = [
  payflow,
  payflowBatch,
  payflowSets,
  byHand,
  byHandClassic,
  relay,
  relayByHand,
  rawPublish,
  ...peers,
]

export function contenderOf(name: string): Contender {
  const found = all.find((contender) => contender.name === name)
  if (found === undefined) throw new Error(`there is no contender ${name}`)
  return found
}
