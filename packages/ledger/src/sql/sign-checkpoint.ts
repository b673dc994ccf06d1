import { definer } from './definer.ts'
import { micros } from './payload.ts'

/**
 * Keeps a signature, if the checkpoint is still exactly what was signed; null if it is not. Needs no
 * lock: checkpoints do not change, and the primary key keeps of the same signature one. Others of
 * the same key id stand beside it: only who has the public key can tell which one is the key's.
 */
export const signCheckpointFunction = (s: string): string => `
create or replace function ${s}.sign_checkpoint(
  p_no bigint, p_transfers bigint, p_root text, p_previous_root text, p_created_at_micros bigint,
  p_key_id text, p_signature text
) returns json language plpgsql volatile ${definer} as $fn$
declare
  v_checkpoint ${s}.checkpoint;
begin
  select * into v_checkpoint from ${s}.checkpoint
  where no = p_no and transfers = p_transfers and root = decode(p_root, 'hex')
    and previous_root = decode(p_previous_root, 'hex')
    and ${micros('created_at')} = p_created_at_micros;
  if not found then
    return null;
  end if;
  insert into ${s}.checkpoint_signature (checkpoint_no, key_id, signature)
    values (p_no, p_key_id, decode(p_signature, 'hex'))
    on conflict (checkpoint_no, key_id, signature) do nothing;
  return ${s}.checkpoint_json(v_checkpoint);
end
$fn$`
