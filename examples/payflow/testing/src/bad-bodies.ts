import { AMOUNT_MINOR_MAX } from '@payflow-app/contracts'

/** A body that must be refused, and what is wrong with it. */
export interface BadBody {
  readonly what: string
  /** As it goes over the wire: JSON.stringify could not write all of them. */
  readonly raw: string
}

/** JSON that is wrong whatever the route expects, or no JSON at all. */
const notABody: readonly BadBody[] = [
  { what: 'nothing', raw: '' },
  { what: 'half an object', raw: '{"amount":' },
  { what: 'a trailing comma', raw: '{"amount":1,}' },
  { what: 'single quotes', raw: "{'amount':1}" },
  { what: 'a bare word', raw: 'undefined' },
  { what: 'null', raw: 'null' },
  { what: 'true', raw: 'true' },
  { what: 'a number', raw: '42' },
  { what: 'a string', raw: '"hello"' },
  { what: 'an empty array', raw: '[]' },
  { what: 'an empty object', raw: '{}' },
  { what: 'ten thousand levels of nesting', raw: '['.repeat(10_000) + ']'.repeat(10_000) },
  { what: 'a hundred thousand bytes', raw: `{"note":"${'x'.repeat(100_000)}"}` },
]

const badAmounts: Readonly<Record<string, string>> = {
  zero: '0',
  'minus zero': '-0',
  'minus one': '-1',
  'a fraction': '10.5',
  'a fraction below one': '0.01',
  'a string': '"100"',
  'an empty string': '""',
  'more than the limit': String(AMOUNT_MINOR_MAX + 1),
  'beyond 2^53': '9007199254740993',
  'beyond every float': '1e400',
  'an exponent below one': '1e-9',
  NaN: 'NaN',
  Infinity: 'Infinity',
  hexadecimal: '0x64',
  null: 'null',
  true: 'true',
  'an array': '[100]',
  'an object': '{"valueOf":100}',
}

const badIds: Readonly<Record<string, string>> = {
  'no id': '"bob"',
  'an empty string': '""',
  'an id with a tail': '"7d3c1a52-64f5-4c5b-9f0e-0a6f2f8b3c11; drop table payments"',
  'an id with a NUL': '"7d3c1a52-64f5-4c5b-9f0e-0a6f2f8b3c1\\u0000"',
  'a number': '7',
  null: 'null',
  'an array': '["7d3c1a52-64f5-4c5b-9f0e-0a6f2f8b3c11"]',
}

const badCurrencies: Readonly<Record<string, string>> = {
  'a currency we do not keep': '"EUR"',
  'lower case': '"usd"',
  'an empty string': '""',
  'a name of Object.prototype': '"constructor"',
  null: 'null',
  'a number': '840',
}

const badFields: Readonly<Record<'amount' | 'id' | 'currency', Readonly<Record<string, string>>>> =
  {
    amount: badAmounts,
    id: badIds,
    currency: badCurrencies,
  }

/**
 * Everything that is wrong with a body: not a body at all, each field missing, and each field that
 * has one of the known kinds with every bad value of that kind.
 */
export function badBodiesOf(
  good: Readonly<Record<string, unknown>>,
  kinds: Readonly<Record<string, keyof typeof badFields>>,
): BadBody[] {
  const entries = Object.entries(good).map(
    ([name, value]) => [name, JSON.stringify(value)] as const,
  )
  const write = (fields: (readonly [string, string])[]) =>
    `{${fields.map(([name, value]) => `${JSON.stringify(name)}:${value}`).join(',')}}`
  const missing = Object.keys(kinds).map((field) => ({
    what: `no ${field}`,
    raw: write(entries.filter(([name]) => name !== field)),
  }))
  const wrong = Object.entries(kinds).flatMap(([field, kind]) =>
    Object.entries(badFields[kind]).map(([what, value]) => ({
      what: `${field}: ${what}`,
      raw: write(entries.map(([name, old]) => [name, name === field ? value : old])),
    })),
  )
  return [...notABody, ...missing, ...wrong]
}
