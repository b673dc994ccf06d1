import type { Kysely } from 'kysely'

/**
 * Where a verb runs: your `Kysely` (the call is its own transaction, committed when it answers) or
 * your `Transaction` (the call is one statement of it, and commits or rolls back with it).
 * The row types of your database do not matter here.
 */
export type Executor = Kysely<any>
