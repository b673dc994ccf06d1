import type { HazardCase, LeftOut } from './case.ts'
import { concurrency } from './concurrency.ts'
import { crashes } from './crashes.ts'
import { redisFaults } from './redis.ts'
import { requests } from './requests.ts'
import { responses } from './responses.ts'

/** Every row, in the order of docs/hazards.md. */
export const cases: readonly HazardCase[] = [
  ...concurrency,
  ...crashes,
  ...redisFaults,
  ...responses,
  ...requests,
].toSorted((a, b) => a.id.localeCompare(b.id))

/** Hazards without a row, and why. */
export const leftOut: readonly LeftOut[] = [
  {
    id: 'IDEM-16',
    why: 'a lost claim needs a second guard in the database: npm run chaos -- idempotency',
  },
  { id: 'IDEM-18', why: 'about a function that is told its remaining time, which a route is not' },
  { id: 'IDEM-40', why: 'needs a cluster; a test of packages/idempotency has one' },
  { id: 'IDEM-48', why: 'needs two versions of each contender' },
]
