/*
 * Ids as pgledger makes them before PostgreSQL 18: a UUIDv7 out of `gen_random_uuid()` and the
 * clock, rewritten as the 26 characters of a ULID, behind a prefix. Four functions call each other
 * for one id, and a transfer makes three: the kinds (SQL or PL/pgSQL, immutable or volatile, with a
 * FROM or without) are theirs, because they decide what PostgreSQL can inline and what it plans
 * anew in every transaction.
 */

/** Looks in the catalog. Immutable, as theirs: it is asked once per session and plan, not per id. */
const hasUuidV7 = `
create function rebuilt.has_uuidv7() returns boolean language sql immutable as $fn$
  select exists (select from pg_proc where proname = 'uuidv7')
$fn$`

/** 48 bits of milliseconds, the version, 12 bits of the fraction, 8 random bytes. */
const uuidV7OfClock = `
create function rebuilt.uuidv7_of_clock() returns uuid language sql volatile as $fn$
  select encode(
    substring(int8send(floor(clock.ms)::bigint) from 3)
      || int2send(28672::smallint | ((clock.ms - floor(clock.ms)) * 4096)::smallint)
      || substring(uuid_send(gen_random_uuid()) from 9 for 8),
    'hex')::uuid
  from (select 1000 * extract(epoch from clock_timestamp()) as ms) clock
$fn$`

const uuidV7 = `
create function rebuilt.new_uuid() returns uuid language plpgsql volatile as $fn$
declare
  v_uuid uuid;
begin
  if rebuilt.has_uuidv7() then
    execute 'select uuidv7()' into v_uuid;
    return v_uuid;
  end if;
  return rebuilt.uuidv7_of_clock();
end
$fn$`

/**
 * Five bits a character, an assignment each, as in scoville/pgsql-ulid: what it costs is 26
 * expressions that PL/pgSQL evaluates one after the other.
 */
const ulidOfUuid = `
create function rebuilt.ulid_of(p_uuid uuid) returns text language plpgsql immutable as $fn$
declare
  v_digits bytea = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
  v_ulid text = '';
  v_bytes bytea = uuid_send(p_uuid);
begin
${Array.from({ length: 26 }, (_, index) => appendDigit(index)).join('\n')}
  return v_ulid;
end
$fn$`

function appendDigit(index: number): string {
  return `  v_ulid = v_ulid || chr(get_byte(v_digits, ${fiveBits(index)}));`
}

/** The bits of character `index`, of the 128; the first character has only three. */
function fiveBits(index: number): string {
  const first = Math.max(0, 5 * index - 2)
  const last = 5 * index + 2
  const left = first >> 3
  const right = last >> 3
  const below = 7 - (last % 8)
  if (left === right) return bits(left, 2 ** (last - first + 1) - 1, -below)
  const ofLeft = 8 - (first % 8)
  return `${bits(left, 2 ** ofLeft - 1, 5 - ofLeft)} | ${bits(right, 2 ** (8 - below) - 1, -below)}`
}

/** The bits of one byte where `mask` has ones after moving `up` (or down, when it is negative). */
function bits(byte: number, mask: number, up: number): string {
  const masked = `(get_byte(v_bytes, ${byte}) & ${up < 0 ? mask << -up : mask})`
  if (up === 0) return masked
  return up > 0 ? `(${masked} << ${up})` : `(${masked} >> ${-up})`
}

const newId = `
create function rebuilt.new_id(p_prefix text) returns text language sql volatile as $fn$
  select p_prefix || '_' || rebuilt.ulid_of(rebuilt.new_uuid())
$fn$`

/** Creates `rebuilt.new_id(prefix)` and what it calls. */
export const idStatements: readonly string[] = [hasUuidV7, uuidV7OfClock, uuidV7, ulidOfUuid, newId]
