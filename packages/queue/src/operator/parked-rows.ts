import type { Kysely } from 'kysely'
import { beginAction } from '../postgres/begin-action.ts'
import { listParkedRows } from '../postgres/list-parked-rows.ts'
import { queryThrough } from '../postgres/query.ts'
import { requeueRows } from '../postgres/requeue-rows.ts'
import { updateAction } from '../postgres/update-action.ts'
import { within } from '../resolve-options.ts'
import { signature } from './redrive-options.ts'
import type { OutboxFilter, ParkedRow, ParkedRows, RequeueOptions } from './types.ts'

interface ParkedRowsParts {
  readonly db: Kysely<any>
  readonly schema: string
  /** Rows are pending again. */
  readonly onRequeued: () => void
}

/** See {@link ParkedRows} for what it promises. */
export class ParkedOutboxRows implements ParkedRows {
  readonly #parts: ParkedRowsParts

  constructor(parts: ParkedRowsParts) {
    this.#parts = parts
  }

  async list(
    options: {
      readonly where?: OutboxFilter | undefined
      readonly limit?: number | undefined
    } = {},
  ): Promise<readonly ParkedRow[]> {
    const limit = within('limit', options.limit ?? 100, 1, 10_000)
    const { db, schema } = this.#parts
    return await listParkedRows(queryThrough(db), schema, options.where ?? {}, limit)
  }

  async requeue(options: RequeueOptions): Promise<{ readonly moved: number }> {
    const { db, schema, onRequeued } = this.#parts
    const where = options.where ?? {}
    const limit = within('limit', options.limit ?? 100, 1, 100_000)
    const dryRun = options.dryRun ?? false
    const { reason, actor } = signature(options, dryRun)
    if (dryRun)
      return { moved: (await listParkedRows(queryThrough(db), schema, where, limit)).length }
    const moved = await db.transaction().execute(async (trx) => {
      const query = queryThrough(trx)
      const filter = { where, limit }
      const action = { action: 'requeue', queue: undefined, actor, reason, filter } as const
      const id = await beginAction(query, schema, { ...action, forced: false })
      const rows = await requeueRows(query, schema, where, limit)
      const counts = { examined: rows, moved: rows, refused: 0, parkedAgain: 0 }
      await updateAction(query, schema, id, { outcome: 'done', ...counts })
      return rows
    })
    onRequeued()
    return { moved }
  }
}
