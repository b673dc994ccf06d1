/*
 * Generated requests: those that a contract allows, and all that people, programs and attackers send
 * instead. Made from the contracts themselves, so that a new field is tried without being told.
 */
import type { ApiRoute } from '@payflow-app/contracts/api'
import fc from 'fast-check'
import { z } from 'zod'

/** One request to a route, as it goes over the wire. */
export interface Generated {
  readonly path: string
  readonly token: 'valid' | 'none' | 'wrong'
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | undefined
}

/** Ids that mean something to the system under test. */
export interface Known {
  /** Of whoever sends the requests. */
  readonly ownId: string
  /** Of other people, or of what belongs to the sender. */
  readonly ids: readonly string[]
}

const prototypeKeys = ['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty']

const hostileText: fc.Arbitrary<string> = fc.oneof(
  fc.constantFrom(
    ...prototypeKeys,
    '',
    ' ',
    '\u0000',
    'a\u0000b',
    '\ud800',
    '\u202e',
    '\ufeff',
    '👩‍👩‍👧‍👦',
    'ﷺ'.repeat(200),
    "'; drop table payments; --",
    '${jndi:ldap://x}',
    '<script>alert(1)</script>',
    '../../../etc/passwd',
    '%00',
    '%',
    '\\',
    '-1',
    '1e400',
    'NaN',
    '9007199254740993',
    '00000000-0000-0000-0000-000000000000',
    'x'.repeat(5_000),
  ),
  fc.string({ unit: 'binary', maxLength: 60 }),
  fc.string({ unit: 'grapheme', maxLength: 60 }),
)

const deep = (levels: number): string => '['.repeat(levels) + ']'.repeat(levels)

/** JSON that no JavaScript value would be written as. */
const hostileJson: fc.Arbitrary<string> = fc.oneof(
  fc.constantFrom(
    '1e400',
    '-0',
    '0.1',
    '9007199254740993',
    'null',
    'true',
    '{}',
    '[]',
    '""',
    deep(100),
    deep(5_000),
    '{"a":'.repeat(2_000) + '1' + '}'.repeat(2_000),
    '{"__proto__":{"amount":1}}',
    '{"constructor":{"prototype":{"amount":1}}}',
    '"\\ud800"',
    '"\\u0000"',
    `"${'x'.repeat(20_000)}"`,
  ),
  hostileText.map((text) => JSON.stringify(text)),
  fc.json(),
)

interface Schema {
  readonly type?: string
  readonly enum?: readonly unknown[]
  readonly const?: unknown
  readonly format?: string
  readonly minimum?: number
  readonly maximum?: number
  readonly minLength?: number
  readonly maxLength?: number
  readonly properties?: Readonly<Record<string, Schema>>
  readonly required?: readonly string[]
}

const email = fc.uuid().map((id) => `${id}@payflow.test`)

/** A value that the schema of a field allows, most of the time. */
function valid(name: string, schema: Schema, known: Known): fc.Arbitrary<unknown> {
  if (schema.enum) return fc.constantFrom(...schema.enum)
  if (schema.const !== undefined) return fc.constant(schema.const)
  if (schema.format === 'uuid') {
    // Mostly somebody who can be paid, or what is asked for would mostly not be there.
    return fc.oneof(
      { weight: 5, arbitrary: fc.constantFrom(...known.ids) },
      { weight: 1, arbitrary: fc.constant(known.ownId) },
      { weight: 1, arbitrary: fc.uuid() },
    )
  }
  if (schema.format === 'date-time') {
    const [min, max] = [new Date('1970-01-01'), new Date('2100-01-01')]
    return fc.date({ min, max, noInvalidDate: true }).map((date) => date.toISOString())
  }
  if (name.startsWith('amountM')) return fc.integer({ min: 1, max: 10_000 }).map(String)
  if (name === 'email') return email
  if (name === 'limit') return fc.integer({ min: 1, max: 100 }).map(String)
  if (schema.type === 'integer') {
    const { minimum: min = 0, maximum: max = 2 ** 31 } = schema
    // Small ones are paid, the others mostly refused.
    return fc.oneof(
      fc.integer({ min, max: min + 3 }),
      fc.maxSafeInteger().map((n) => bounded(n, min, max)),
    )
  }
  const { minLength = 0, maxLength = 40 } = schema
  return fc.string({
    unit: fc.constantFrom('a', 'b', 'z', 'Z', '7', 'Å', 'ß', '漢', ' '),
    minLength: Math.max(minLength, 2),
    maxLength: Math.min(maxLength, 40),
  })
}

const bounded = (n: number, min: number, max: number): number =>
  min + (Math.abs(n) % (max - min + 1))

function fieldsOf(schema: z.ZodType | undefined): [string, Schema][] {
  if (!schema) return []
  const { properties = {} } = z.toJSONSchema(schema, { io: 'input' }) as Schema
  return Object.entries(properties)
}

/** A body as JSON text: right, right but for one field, or anything at all. */
function bodyOf(schema: z.ZodType, known: Known): fc.Arbitrary<string> {
  const fields = fieldsOf(schema)
  const right = fc.record(
    Object.fromEntries(fields.map(([name, field]) => [name, valid(name, field, known)])),
  )
  const write = (value: Record<string, unknown>, replaced: Readonly<Record<string, string>>) => {
    const entries = Object.entries(value).map(([name, one]) => [name, JSON.stringify(one)])
    const all = [
      ...entries.filter(([name]) => !Object.hasOwn(replaced, name ?? '')),
      ...Object.entries(replaced),
    ]
    return `{${all.map(([name, text]) => `${JSON.stringify(name)}:${text}`).join(',')}}`
  }
  const name = fc.constantFrom(...fields.map(([field]) => field), ...prototypeKeys, 'more')
  return fc.oneof(
    { weight: 3, arbitrary: right.map((value) => JSON.stringify(value)) },
    {
      weight: 4,
      arbitrary: fc
        .tuple(right, name, hostileJson)
        .map(([value, field, text]) => write(value, { [field]: text })),
    },
    {
      weight: 1,
      arbitrary: fc
        .tuple(right, fc.nat())
        .map(([value, at]) =>
          JSON.stringify(
            Object.fromEntries(Object.entries(value).toSpliced(at % fields.length, 1)),
          ),
        ),
    },
    { weight: 1, arbitrary: hostileJson },
    {
      weight: 1,
      arbitrary: fc.oneof(
        hostileText,
        fc.constantFrom('{', '{"a":1,}', 'undefined', 'x'.repeat(70_000)),
      ),
    },
  )
}

function queryOf(schema: z.ZodType | undefined, known: Known): fc.Arbitrary<string> {
  const fields = fieldsOf(schema)
  const names = [...fields.map(([name]) => name), ...prototypeKeys, 'q[]', 'q[a][b]']
  const one = fc.oneof(
    ...fields.map(([name, field]) =>
      fc.tuple(fc.constant(name), valid(name, field, known).map(String)),
    ),
    fc.tuple(fc.constantFrom(...names), hostileText),
  )
  return fc.array(one, { maxLength: 4 }).map((pairs) => new URLSearchParams(pairs).toString())
}

/** Segments that the URL itself would take for another path are left out. */
const segment = hostileText.filter((text) => !['', '.', '..'].includes(text) && text.isWellFormed())

function pathOf({ path, params }: ApiRoute, known: Known): fc.Arbitrary<string> {
  const fields = fieldsOf(params)
  const values = fc.tuple(
    ...fields.map(([name, field]) => fc.oneof(valid(name, field, known).map(String), segment)),
  )
  return values.map((texts) =>
    fields.reduce(
      (whole, [name], at) => whole.replace(`:${name}`, () => encodeURIComponent(texts[at] ?? '')),
      path as string,
    ),
  )
}

/** What a header may carry at all; a key is visible ASCII, the rest of it must be refused. */
const headerText = fc
  .string({
    unit: fc.integer({ min: 0x21, max: 0xff }).map((code) => String.fromCharCode(code)),
    minLength: 1,
    maxLength: 300,
  })
  .filter((text) => !/[\x7f-\x9f]/.test(text))

function headersOf({
  idempotencyKey,
  cookies,
  body,
}: ApiRoute): fc.Arbitrary<Record<string, string>> {
  const type = body
    ? fc.oneof(
        { weight: 12, arbitrary: fc.constant({ 'content-type': 'application/json' }) },
        {
          weight: 1,
          arbitrary: fc
            .constantFrom('text/plain', 'application/json; charset=utf-16', 'application/xml', 'x')
            .map((one) => ({ 'content-type': one })),
        },
      )
    : fc.constant({})
  const key = idempotencyKey
    ? fc.oneof(
        { weight: 6, arbitrary: fc.uuid().map((one) => ({ 'idempotency-key': one })) },
        {
          weight: 2,
          arbitrary: fc.constantFrom('a', 'b').map((one) => ({ 'idempotency-key': one })),
        },
        { weight: 2, arbitrary: headerText.map((one) => ({ 'idempotency-key': one })) },
        { weight: 1, arbitrary: fc.constant({}) },
      )
    : fc.constant({})
  const cookie = cookies
    ? fc.oneof(
        fc.constant({}),
        headerText.map((one) => ({ cookie: `payflow_refresh=${one}` })),
      )
    : fc.constant({})
  const id = fc.oneof(
    fc.constant({}),
    headerText.map((one) => ({ 'x-request-id': one })),
  )
  return fc
    .tuple(type, key, cookie, id)
    .map((parts) => Object.assign({}, ...parts) as Record<string, string>)
}

/** Requests to one route. */
export function requestsTo(route: ApiRoute, known: Known): fc.Arbitrary<Generated> {
  return fc
    .record({
      path: pathOf(route, known),
      query: queryOf(route.query, known),
      token: fc.oneof(
        { weight: 12, arbitrary: fc.constant('valid' as const) },
        { weight: 1, arbitrary: fc.constantFrom('none' as const, 'wrong' as const) },
      ),
      headers: headersOf(route),
      body: route.body ? bodyOf(route.body, known) : fc.constant(undefined),
    })
    .map(({ path, query, ...rest }) => ({
      ...rest,
      path: query === '' ? path : `${path}?${query}`,
    }))
}
