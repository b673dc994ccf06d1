import { definer } from './definer.ts'

/**
 * Closes the book through `p_until`: from the commit on, no row can be recorded as effective before
 * it. The totals are computed afterwards, by `seal_totals`, so that nobody waits for them.
 *
 * Why this lock: EXCLUSIVE on the accounts is granted when no movement is in flight, since each has
 * locked account rows until its transaction ends; and movements that come later wait for us, and
 * take their time, and read the book, after that. So whatever took a time before `p_until` has
 * committed, and is seen by the next snapshot. Reads do not wait. The rows of the book alone would
 * not do: a movement that chooses no time takes that of the clock, and does not lock the book.
 *
 * While we wait, new movements wait behind us: hence no longer than `p_wait_max_ms`, or the
 * session's own lock_timeout if that is shorter. Zero is refused: to PostgreSQL it is no limit at all.
 *
 * The time of the seal is not before any that was recorded, or else `verify` would take rows that
 * were written before it, by a clock that was set back since, for later ones. Reading every account
 * for that keeps movements waiting, but once a period; an index would cost every one of them.
 *
 * A movement whose snapshot is older (REPEATABLE READ) may still read the book as it was. If it chose
 * its own time, it locks the book's row and fails with 40001; if not, the clock is past `p_until`.
 */
export const sealBookFunction = (s: string): string => `
create or replace function ${s}.seal_book(p_until timestamptz, p_wait_max_ms integer)
returns json language plpgsql volatile ${definer} as $fn$
declare
  v_sealed_until timestamptz;
  v_period ${s}.sealed_period;
  v_own_ms bigint := (select nullif(setting::bigint, 0) from pg_settings
    where name = 'lock_timeout');
begin
  if (p_wait_max_ms between 1 and 600000) is not true then
    raise exception 'p_wait_max_ms must be from 1 to 600000' using errcode = '22023';
  end if;
  for v_locked in 0..1 loop
    select * into v_period from ${s}.sealed_period where until = p_until;
    if found then
      return json_build_object('outcome', 'replayed', 'period', ${s}.period_json(v_period));
    end if;
    select sealed_until into strict v_sealed_until from ${s}.book;
    if p_until < v_sealed_until then
      return ${s}.rejected('period_sealed', json_build_object('sealedUntil', v_sealed_until));
    elsif p_until = v_sealed_until then
      return json_build_object('outcome', 'sealed');
    elsif p_until > clock_timestamp() then
      return ${s}.rejected('period_not_over', json_build_object('now', clock_timestamp()));
    elsif v_locked = 0 then
      perform set_config('lock_timeout', least(p_wait_max_ms, v_own_ms)::text, true);
      lock table ${s}.account in exclusive mode;
    end if;
  end loop;
  update ${s}.book set sealed_until = p_until, sealed_at = greatest(clock_timestamp(),
    (select max(recorded_at) from ${s}.account));
  return json_build_object('outcome', 'sealed');
end
$fn$`
