/**
 * Creates an index of schema `public`, unless somebody has built it before under this name.
 * `if not exists` alone would be content with what a `create index concurrently` leaves behind when
 * it fails: an index that is kept up to date and never used. That one is refused, and the message
 * says what to do.
 *
 * @param on - the table and its columns, as they follow `on`.
 */
export const createIndex = (name: string, on: string): string => `
do $check$ begin
  if exists (
    select from pg_index where indexrelid = to_regclass('public.${name}') and not indisvalid
  ) then
    raise exception 'the index public.${name} is invalid: whoever built it concurrently did not '
      'get to the end. Run "drop index concurrently public.${name}", build it again if you like, '
      'and run the migrations again'
      using errcode = 'object_not_in_prerequisite_state';
  end if;
end $check$;
create index if not exists ${name} on ${on};`
