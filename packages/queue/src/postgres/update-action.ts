import type { Query } from './query.ts'

/** How far an operator's action has come. */
export interface ActionProgress {
  readonly outcome: 'running' | 'done' | 'interrupted' | 'parked-again' | 'failed'
  readonly examined: number
  readonly moved: number
  readonly refused: number
  readonly parkedAgain: number
  readonly error?: string | undefined
}

/* Runs alone; only the process that began the action writes its row. */
const update = (schema: string): string => `
  update ${schema}.operator_action
  set outcome = $2, examined = $3, moved = $4, refused = $5, parked_again = $6, error = $7,
    updated_at = clock_timestamp()
  where id = $1`

/** Writes down how far it has come. */
export async function updateAction(
  query: Query,
  schema: string,
  id: string,
  progress: ActionProgress,
): Promise<void> {
  const { outcome, examined, moved, refused, parkedAgain, error } = progress
  const text = error?.replaceAll('\0', '').slice(0, 2_000) ?? null
  await query(update(schema), [id, outcome, examined, moved, refused, parkedAgain, text])
}
