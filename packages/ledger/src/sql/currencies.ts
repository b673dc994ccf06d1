import { definer } from './definer.ts'

/** The currency table: read by everyone who formats, added to by who has a currency of their own. */
export function currencyFunctions(s: string): readonly string[] {
  return [currencyJson(s), defineCurrency(s), listCurrencies(s)]
}

const currencyJson = (s: string): string => `
create or replace function ${s}.currency_json(c ${s}.currency) returns json
language sql immutable as $fn$
  select json_build_object('code', c.code, 'exponent', c.exponent)
$fn$`

// No lock: rows never change, and the primary key makes a concurrent twin wait.
const defineCurrency = (s: string): string => `
create or replace function ${s}.define_currency(p_code text, p_exponent integer)
returns json language plpgsql volatile ${definer} as $fn$
declare
  v_currency ${s}.currency;
begin
  insert into ${s}.currency (code, exponent) values (p_code, p_exponent)
    on conflict (code) do nothing returning * into v_currency;
  if found then
    return json_build_object('outcome', 'created', 'currency', ${s}.currency_json(v_currency));
  end if;
  select * into strict v_currency from ${s}.currency where code = p_code;
  if v_currency.exponent = p_exponent then
    return json_build_object('outcome', 'replayed', 'currency', ${s}.currency_json(v_currency));
  end if;
  return ${s}.conflict(${s}.currency_json(v_currency), array['exponent']);
end
$fn$`

const listCurrencies = (s: string): string => `
create or replace function ${s}.list_currencies() returns json
language sql stable ${definer} as $fn$
  select json_agg(${s}.currency_json(c) order by c.code) from ${s}.currency c
$fn$`
