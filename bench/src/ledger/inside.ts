import type pg from 'pg'
import { cpuSeconds } from '../lib/cpu.ts'
import type { BareStatement } from './bare.ts'
import type { OurWorld } from './ours.ts'

/**
 * A loop inside PostgreSQL that calls the function with random accounts and commits after each, as
 * callers do, but without a network, a client or a flush to wait for: what the function itself costs.
 */
export interface Inside {
  /** Microseconds of one transfer: processor time where the system tells, or else time passed. */
  micros(transfers: number): Promise<number>
}

export async function openInside(ours: OurWorld, bare: BareStatement): Promise<Inside> {
  const pool = ours.pool(1, '-c synchronous_commit=off')
  const { rows } = await pool.query<{ pid: number }>('select pg_backend_pid() as pid')
  const pid = rows[0]?.pid ?? 0
  await pool.query('create temp table payer as select id from ledger.account where floor_minor < 0')
  const loop = loopOf(bare)
  await run(pool, loop, 300)
  return {
    async micros(transfers) {
      const cpu = cpuSeconds([pid])
      const started = performance.now()
      await run(pool, loop, transfers)
      const seconds = (performance.now() - started) / 1000
      const used = cpu === undefined ? seconds : (cpuSeconds([pid]) ?? 0) - cpu
      return (used / transfers) * 1e6
    },
  }
}

const run = (pool: pg.Pool, loop: (transfers: number) => string, transfers: number) =>
  pool.query(loop(transfers))

/** The caller's own statement, its parameters written out. */
function loopOf(bare: BareStatement): (transfers: number) => string {
  const expressions = bare.values({
    id: 'gen_random_uuid()',
    debitAccountId: 'v_payers[v_debit]',
    creditAccountId: 'v_payers[v_credit]',
    amountMinor: 100n,
    currency: `'USD'`,
    code: `'payment'`,
  })
  const call = bare.text.replaceAll(/\$(\d+)/g, (_, n: string) => {
    const value = expressions[Number(n) - 1] as string | bigint | boolean | null
    return value === null ? 'null' : value.toString()
  })
  return (transfers) => `do $loop$
declare
  v_payers uuid[] := (select array_agg(id) from payer);
  v_count integer := cardinality(v_payers);
  v_debit integer;
  v_credit integer;
  v_answer text;
begin
  for i in 1..${transfers} loop
    v_debit := 1 + floor(random() * v_count)::integer;
    v_credit := 1 + (v_debit + floor(random() * (v_count - 1))::integer) % v_count;
    ${call.replace(' as result', '')} into v_answer;
    if v_answer not like '%"created"%' then
      raise exception 'not created: %', v_answer;
    end if;
    commit;
  end loop;
end
$loop$`
}
