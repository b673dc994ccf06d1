/**
 * The guard in PostgreSQL: one effect per request key, whatever Redis forgets.
 *
 * @packageDocumentation
 */
export { fenceCondition } from './fence-condition.ts'
export { guard } from './guard.ts'
export type { Guarded, GuardOptions } from './guard.ts'
export { createGuardMigrations, migrateGuard } from './migrations/index.ts'
export type { GuardMigrationOptions } from './migrations/index.ts'
export { sweepGuards } from './sweep-guards.ts'
export type { SweepOptions } from './sweep-guards.ts'
