import type { Query } from './query.ts'

/** Who moves what, and why. */
export interface OperatorAction {
  readonly action: 'redrive' | 'requeue'
  readonly queue: string | undefined
  readonly actor: string
  readonly reason: string
  readonly filter: object
  readonly forced: boolean
}

/* Commits before the first message moves, so that whatever happens next there is a trace of it. */
const begin = (schema: string): string => `
  insert into ${schema}.operator_action (action, queue, actor, reason, filter, forced)
  values ($1, $2, $3, $4, $5::jsonb, $6)
  returning id::text as id`

/** Writes down that an operator begins something; returns its id. */
export async function beginAction(
  query: Query,
  schema: string,
  { action, queue, actor, reason, filter, forced }: OperatorAction,
): Promise<string> {
  const values = [action, queue ?? null, actor, reason, JSON.stringify(filter), forced]
  const [row] = await query<{ id: string }>(begin(schema), values)
  return row?.id ?? ''
}
