import { guarantees } from './guarantees.ts'
import { hot } from './hot.ts'
import { network } from './network.ts'
import { snapshot } from './snapshot.ts'
import { time } from './time.ts'
import { openPostgres } from '../lib/postgres.ts'
import type { Bench } from '../lib/context.ts'
import type { Part } from './part.ts'
import { uniform } from './uniform.ts'
import { writings } from './writings.ts'
import type { Claim, Section } from '../lib/result.ts'

const parts: Readonly<Record<string, Part>> = {
  uniform,
  writings,
  hot,
  guarantees,
  time,
  network,
  snapshot,
}

/** The claims of the ledger, measured. */
export const ledger: Bench = {
  about:
    'The ledger against bare pg, against the transaction everybody writes, against pgledger rebuilt and against its design idealised; hot accounts, what each guarantee costs, where the time goes.',
  takes: 'at most 10 minutes',
  async run(context) {
    await using server = await openPostgres(context)
    const sections: Section[] = []
    const claims: Claim[] = []
    const faults: string[] = []
    for (const [name, part] of Object.entries(parts)) {
      if (context.only.length > 0 && !context.only.includes(name)) continue
      const found = await part(context, server)
      sections.push(...found.sections)
      claims.push(...found.claims)
      faults.push(...found.faults.map((fault) => `${name}: ${fault}`))
    }
    return { sections, claims, faults }
  },
}
