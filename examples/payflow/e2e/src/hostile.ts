/*
 * Generated requests: those that a contract allows, and all that people, programs and attackers send
 * instead. Made from the contracts themselves, so that a new field is tried without being told.
 */
import type { ApiRoute } from '@payflow-app/contracts/api'
import fc from 'fast-check'
import { z } from 'zod'
import {
  headerText,
  hostileBody,
  hostileCredential,
  hostileHeader,
  hostileJson,
  hostileQuery,
  hostileSegment,
  hostileText,
  prototypeKeys,
} from './hostile-values.ts'

/** One request to a route, as it goes over the wire. */
export interface Generated {
  readonly path: string
  /** The sender's own token, or what stands in its place. */
  readonly credential: { readonly own: true } | { readonly own: false; readonly text?: string }
  /** The sender's own cookies, or what stands in their place. */
  readonly cookie: { readonly own: true } | { readonly own: false; readonly text?: string }
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | Uint8Array<ArrayBuffer> | undefined
}

type Fields = Readonly<Record<string, unknown>>

/** What a sender knows of the system, so that requests come to what is behind the validation. */
export interface Known {
  /** Values that mean something, by the name of a field of path, query or body. */
  readonly values: Readonly<Record<string, readonly unknown[]>>
  /** What a request needs to succeed, beyond the first of these values. */
  readonly right?: { readonly query?: Fields; readonly body?: Fields }
}

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
function valid(name: string, schema: Schema, { values }: Known): fc.Arbitrary<unknown> {
  const known = values[name] ?? []
  const made = madeUp(name, schema)
  if (known.length === 0) return made
  // Mostly somebody or something that is there.
  return fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom(...known) },
    { weight: 1, arbitrary: made },
  )
}

function madeUp(name: string, schema: Schema): fc.Arbitrary<unknown> {
  if (schema.enum) return fc.constantFrom(...schema.enum)
  if (schema.const !== undefined) return fc.constant(schema.const)
  if (schema.type === 'boolean') return fc.boolean()
  if (schema.format === 'uuid') return fc.uuid()
  if (schema.format === 'date-time') {
    const [min, max] = [new Date('1970-01-01'), new Date('2100-01-01')]
    return fc.date({ min, max, noInvalidDate: true }).map((date) => date.toISOString())
  }
  if (name.startsWith('amountM')) return fc.integer({ min: 1, max: 10_000 }).map(String)
  if (name === 'email') return email
  if (name === 'limit') return fc.integer({ min: 1, max: 100 }).map(String)
  if (name === 'cursor') return forgedCursor
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
    maxLength: Math.max(Math.min(maxLength, 40), minLength, 2),
  })
}

const bounded = (n: number, min: number, max: number): number =>
  min + (Math.abs(n) % (max - min + 1))

/** A cursor as we write them, of what is no place in any list. */
const forgedCursor = fc
  .oneof(
    hostileJson,
    fc.constantFrom('["2026-01-01T00:00:00.000000Z","x"]', '"0"', '"999999999999"', '[1,2]'),
    fc
      .tuple(fc.date({ noInvalidDate: true }), fc.uuid())
      .map(([at, id]) => JSON.stringify([at.toISOString().replace('Z', '000Z'), id])),
  )
  .map((json) => Buffer.from(json).toString('base64url'))

/** JSON just inside and just outside what the schema of a field allows. */
function edgesOf(schema: Schema): fc.Arbitrary<string> {
  const { minimum, maximum, minLength = 0, maxLength } = schema
  const numbers = [minimum, maximum].flatMap((at) =>
    at === undefined ? [] : [at - 1, at, at + 1, at + 0.5, String(at)],
  )
  const lengths =
    maxLength === undefined ? [] : [minLength - 1, minLength, maxLength, maxLength + 1]
  // One character each, and two units each of the second text.
  const texts = lengths.flatMap((length) =>
    ['x', '👍'].map((one) => one.repeat(Math.max(0, length))),
  )
  const edges = [...numbers, ...texts].map((value) => JSON.stringify(value))
  return edges.length === 0 ? hostileJson : fc.constantFrom(...edges)
}

function schemaOf(schema: z.ZodType | undefined): { fields: [string, Schema][]; needed: string[] } {
  if (!schema) return { fields: [], needed: [] }
  const { properties = {}, required = [] } = z.toJSONSchema(schema, { io: 'input' }) as Schema
  return { fields: Object.entries(properties), needed: [...required] }
}

/** JSON text of these fields, those of `replaced` already written; a name may come twice. */
function written(value: Fields, replaced: Readonly<Record<string, string>>, twice = false): string {
  const entries = Object.entries(value).map(([name, one]) => [name, JSON.stringify(one)])
  const all = [
    ...entries.filter(([name]) => twice || !Object.hasOwn(replaced, name ?? '')),
    ...Object.entries(replaced),
  ]
  return `{${all.map(([name, text]) => `${JSON.stringify(name)}:${text}`).join(',')}}`
}

/** A body: right, right but for a field, or anything at all. */
function bodyOf(schema: z.ZodType, known: Known): fc.Arbitrary<Generated['body']> {
  const { fields, needed } = schemaOf(schema)
  const right = fc.record(
    Object.fromEntries(fields.map(([name, field]) => [name, valid(name, field, known)])),
    { requiredKeys: needed },
  ) as fc.Arbitrary<Fields>
  const wrong = fc.oneof(
    {
      weight: 2,
      arbitrary: fc.tuple(fc.constantFrom(...fields.map(([name]) => name)), hostileJson),
    },
    {
      weight: 2,
      arbitrary: fc
        .constantFrom(...fields)
        .chain(([name, field]) => fc.tuple(fc.constant(name), edgesOf(field))),
    },
    { weight: 1, arbitrary: fc.tuple(fc.constantFrom(...prototypeKeys, 'more'), hostileJson) },
  )
  return fc.oneof(
    { weight: 3, arbitrary: right.map((value) => JSON.stringify(value)) },
    {
      weight: 4,
      arbitrary: fc
        .tuple(right, fc.array(wrong, { minLength: 1, maxLength: 2 }), fc.boolean())
        .map(([value, some, twice]) => written(value, Object.fromEntries(some), twice)),
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
    { weight: 1, arbitrary: hostileBody as fc.Arbitrary<string | Uint8Array<ArrayBuffer>> },
    {
      weight: 1,
      arbitrary: right.map((value) => {
        const json = JSON.stringify(value)
        return [`[${json}]`, JSON.stringify(json), ` ${json}\n`][json.length % 3]
      }),
    },
    { weight: 1, arbitrary: fc.constant(undefined) },
  )
}

function queryOf(schema: z.ZodType | undefined, known: Known): fc.Arbitrary<string> {
  const { fields, needed } = schemaOf(schema)
  const right = fc.record(
    Object.fromEntries(
      fields.map(([name, field]) => [name, valid(name, field, known).map(String)]),
    ),
    { requiredKeys: needed },
  ) as fc.Arbitrary<Record<string, string>>
  const names = [...fields.map(([name]) => name), ...prototypeKeys, 'q[]', 'q[a][b]']
  const wrong = fc.tuple(fc.constantFrom(...names), hostileText)
  return fc.oneof(
    // Ten filters together find nothing: mostly a few.
    {
      weight: 4,
      arbitrary: fc.tuple(right, fc.array(fc.nat(), { maxLength: 8 })).map(([query, left]) => {
        const pairs = Object.entries(query).filter(
          ([name], at) => needed.includes(name) || !left.some((n) => n % fields.length === at),
        )
        return new URLSearchParams(pairs).toString()
      }),
    },
    {
      weight: 2,
      arbitrary: fc
        .tuple(right, fc.array(wrong, { minLength: 1, maxLength: 2 }))
        .map(([query, more]) =>
          new URLSearchParams([...Object.entries(query).slice(0, 2), ...more]).toString(),
        ),
    },
    { weight: 1, arbitrary: hostileQuery },
  )
}

function pathOf({ path, params }: ApiRoute, known: Known): fc.Arbitrary<string> {
  const { fields } = schemaOf(params)
  const values = fc.tuple(
    ...fields.map(([name, field]) =>
      fc.oneof(
        {
          weight: 2,
          arbitrary: valid(name, field, known).map((value) => encodeURIComponent(String(value))),
        },
        { weight: 1, arbitrary: hostileSegment },
      ),
    ),
  )
  return values.map((texts) => withParams(path, fields, texts))
}

function withParams(path: string, fields: [string, Schema][], texts: readonly string[]): string {
  return fields.reduce(
    (whole, [name], at) => whole.replace(`:${name}`, () => texts[at] ?? ''),
    path,
  )
}

const oneHeader = (name: string, value: fc.Arbitrary<string>) =>
  value.map((text) => ({ [name]: text }))

function headersOf({ idempotencyKey, body, success }: ApiRoute, { values }: Known) {
  const none = fc.constant({})
  const type = body
    ? fc.oneof(
        { weight: 12, arbitrary: fc.constant({ 'content-type': 'application/json' }) },
        {
          weight: 1,
          arbitrary: oneHeader(
            'content-type',
            fc.constantFrom(
              'text/plain',
              'application/json; charset=utf-16',
              'application/xml',
              'x',
              '/',
              'application/json; charset=utf-8',
              'APPLICATION/JSON',
              'application/json;;',
              'multipart/form-data; boundary=x',
              'application/x-www-form-urlencoded',
            ),
          ),
        },
      )
    : none
  const key = idempotencyKey
    ? fc.oneof(
        { weight: 6, arbitrary: oneHeader('idempotency-key', fc.uuid()) },
        { weight: 2, arbitrary: oneHeader('idempotency-key', fc.constantFrom('a', 'b', '"a"')) },
        { weight: 2, arbitrary: oneHeader('idempotency-key', headerText) },
        { weight: 1, arbitrary: none },
      )
    : none
  const eventId = fc.constantFrom(...(values['lastEventId'] ?? ['1']).map(String))
  const last = success.events ? fc.oneof(none, oneHeader('last-event-id', eventId)) : none
  const others = fc.array(hostileHeader, { maxLength: 2 }).map((all) => Object.fromEntries(all))
  const maybe = fc.oneof({ weight: 3, arbitrary: none }, { weight: 1, arbitrary: others })
  return fc
    .tuple(type, key, last, maybe)
    .map((parts) => Object.assign({}, ...parts) as Record<string, string>)
}

/** Requests to one route. */
export function requestsTo(route: ApiRoute, known: Known): fc.Arbitrary<Generated> {
  const own = fc.constant({ own: true } as const)
  const other = (text: fc.Arbitrary<string | undefined>) =>
    text.map((one) => ({ own: false, ...(one !== undefined && { text: one }) }) as const)
  return fc
    .record({
      path: pathOf(route, known),
      query: queryOf(route.query, known),
      credential: fc.oneof(
        { weight: 12, arbitrary: own },
        { weight: 1, arbitrary: other(hostileCredential) },
      ),
      cookie: route.cookies
        ? fc.oneof(own, other(headerText.map((text) => `payflow_refresh=${text}`)), other(none))
        : fc.constant({ own: false } as const),
      headers: headersOf(route, known),
      body: route.body ? bodyOf(route.body, known) : none,
    })
    .map(({ path, query, ...rest }) => ({
      ...rest,
      path: query === '' ? path : `${path}?${query}`,
    }))
}

const none = fc.constant(undefined)

/**
 * What every run begins with, so that no route is judged by chance alone: a request that must succeed,
 * the same again under the same key, and one that must be refused for what it says.
 */
export function firstRequestsTo(route: ApiRoute, known: Known): Generated[] {
  const { values, right = {} } = known
  const [params, query, body] = [route.params, route.query, route.body].map((one) => schemaOf(one))
  const texts = params!.fields.map(([name]) => encodeURIComponent(String(values[name]?.[0])))
  const search = new URLSearchParams(right.query as Record<string, string>).toString()
  const path = withParams(route.path, params!.fields, texts)
  const first: Generated = {
    path: search === '' ? path : `${path}?${search}`,
    credential: { own: true },
    cookie: { own: route.cookies === true },
    headers: {
      ...(route.body && { 'content-type': 'application/json' }),
      // A user's keys are for all routes together.
      ...(route.idempotencyKey && { 'idempotency-key': `first${route.path}` }),
    },
    body: route.body && JSON.stringify(right.body ?? {}),
  }
  const wrong = {
    ...first,
    ...(params!.fields.length > 0 && { path: withParams(route.path, params!.fields, ['no-id']) }),
    ...(query!.fields.length > 0 && {
      path: `${path}?${query!.fields.map(([name]) => `${name}=%00`).join('&')}`,
    }),
    ...(body!.fields.length > 0 && { body: '{"more":1}' }),
  }
  return [first, ...(route.idempotencyKey ? [first] : []), wrong]
}
