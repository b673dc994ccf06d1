/**
 * Reads `v_now`, the recorded time of what is about to be written, and `v_sealed_until` where it is
 * needed. For use in a plpgsql function that has `p_effective_at`, after `v_debit` and `v_credit`
 * are locked.
 *
 * Recorded time runs back along neither account, behind no hold that was judged expired, and into
 * no sealed period, whatever the clock does. A time that the caller chose is compared with the end
 * of the sealed periods, so the row is locked FOR SHARE until the end of the transaction: a seal
 * waits for us, or we see it, in any isolation level. Recorded time needs no lock: a seal waits for
 * whoever holds accounts, and is over when the next reads the clock.
 */
export const readTime = (s: string): string => `
  if p_effective_at is null then
    select ${now} into strict v_now from ${s}.book;
  else
    select sealed_until, ${now} into strict v_sealed_until, v_now from ${s}.book for share;
  end if;`

const now = `greatest(clock_timestamp(), v_debit.recorded_at, v_credit.recorded_at,
      v_debit.expiry_horizon, v_credit.expiry_horizon, sealed_until)`
