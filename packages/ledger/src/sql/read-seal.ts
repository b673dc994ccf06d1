/**
 * Reads `v_sealed_until`, for use in a plpgsql function that has `p_effective_at`, after its
 * accounts are locked.
 *
 * A time that the caller chose is compared with it, so the row is locked FOR SHARE until the end of
 * the transaction: a seal waits for us, or we see it, in any isolation level. Recorded time needs
 * no lock: it only has to be no earlier, which the clock sees to.
 */
export const readSeal = (s: string): string => `
  if p_effective_at is null then
    select sealed_until into strict v_sealed_until from ${s}.book;
  else
    select sealed_until into strict v_sealed_until from ${s}.book for share;
  end if;`
