import { readFileSync } from 'node:fs'
import { findPackageJSON } from 'node:module'
import { bare, byHand } from './by-hand.ts'
import type { Contender } from './contender.ts'
import { expressIdempotencyRedis } from './express-idempotency.ts'
import { nodeIdempotency } from './node-idempotency.ts'
import { payflow } from './payflow.ts'
import { powertools } from './powertools.ts'

export const ours: Contender = payflow
/** From the registry. */
export const peers: readonly Contender[] = [nodeIdempotency, expressIdempotencyRedis, powertools]
/** Written here. */
export const homemade: readonly Contender[] = [byHand, bare]

export function contender(name: string): Contender {
  const found = [ours, ...peers, ...homemade].find((each) => each.name === name)
  if (found === undefined) throw new Error(`there is no contender ${name}`)
  return found
}

/** `name@version`, as installed. */
export const versionsOf = ({ packages }: Contender): string[] =>
  packages.map((name) => {
    const file = findPackageJSON(name, import.meta.url)
    if (file === undefined) throw new Error(`${name} is not installed`)
    return `${name}@${(JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version}`
  })
