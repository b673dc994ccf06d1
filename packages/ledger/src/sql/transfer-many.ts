import { definer } from './definer.ts'
import { MANY_ARGUMENTS, MANY_PARAMETERS } from './many.ts'

/** Transfers that stand each for itself. Locks and reasons: see `post_many`. */
export const transferManyFunction = (s: string): string => `
create or replace function ${s}.transfer_many(${MANY_PARAMETERS}
) returns json language plpgsql volatile ${definer} as $fn$
begin
  return ${s}.post_many(null::${s}.journal, ${MANY_ARGUMENTS});
end
$fn$`
