import type { Server } from '@payflow/testkit'
import type { Context } from '../lib/context.ts'
import type { Findings } from '../lib/result.ts'

/** A part of the ledger's benchmark, on a server it shares with the others. */
export type Part = (context: Context, server: Server) => Promise<Findings>

/** As many accounts as the research had, and for a quick run as many as are made in a second. */
export const accountsFor = (context: Context): number => (context.quick ? 200 : 10_000)
