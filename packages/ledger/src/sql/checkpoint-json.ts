import { micros } from './payload.ts'

/** A checkpoint with its signatures as plain JSON; see `Checkpoint` in `checkpoint-format.ts`. */
export const checkpointJsonFunction = (s: string): string => `
create or replace function ${s}.checkpoint_json(c ${s}.checkpoint) returns json
language sql stable as $fn$
  select json_build_object('no', c.no, 'transfers', c.transfers,
    'root', encode(c.root, 'hex'), 'previousRoot', encode(c.previous_root, 'hex'),
    'createdAtMicros', ${micros('c.created_at')},
    'signatures', (select coalesce(json_agg(json_build_object(
        'keyId', g.key_id, 'signature', encode(g.signature, 'hex'))
        order by g.key_id collate "C", g.signature), '[]')
      from ${s}.checkpoint_signature g where g.checkpoint_no = c.no))
$fn$`
