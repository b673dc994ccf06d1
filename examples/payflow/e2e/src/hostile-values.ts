/*
 * What people, programs and attackers send in place of a value: as text, as JSON, as a piece of a path
 * or of a query, as a header.
 */
import fc from 'fast-check'

/** Keys that are more than keys in JavaScript. */
export const prototypeKeys = ['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty']

/** Any text. */
export const hostileText: fc.Arbitrary<string> = fc.oneof(
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
    '%25s%n',
    '_',
    '\\',
    '-1',
    '1e400',
    '0x10',
    'NaN',
    'true',
    'null',
    '9007199254740993',
    '00000000-0000-0000-0000-000000000000',
    'FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF',
    '0000-01-01T00:00:00Z',
    '+275760-09-13T00:00:00Z',
    '2026-02-30T00:00:00Z',
    '2026-12-31T23:59:60Z',
    'x'.repeat(5_000),
  ),
  fc.string({ unit: 'binary', maxLength: 60 }),
  fc.string({ unit: 'grapheme', maxLength: 60 }),
)

const deep = (levels: number): string => '['.repeat(levels) + ']'.repeat(levels)

/** JSON, some of it such that no JavaScript value would be written as. */
export const hostileJson: fc.Arbitrary<string> = fc.oneof(
  fc.constantFrom(
    '1e400',
    '-0',
    '0.1',
    '1.0',
    '1e2',
    '9007199254740993',
    '-1',
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
    '{"toString":1,"valueOf":null,"length":-1}',
    '{"$gt":""}',
    '"\\ud800"',
    '"\\u0000"',
    '"\\u202e"',
    `"${'x'.repeat(20_000)}"`,
    `[${'0,'.repeat(10_000)}0]`,
  ),
  hostileText.map((text) => JSON.stringify(text)),
  fc.json(),
)

/** What is no JSON, or more of it than is taken. */
export const hostileBody: fc.Arbitrary<string | Uint8Array> = fc.oneof(
  hostileText,
  fc.constantFrom<string | Uint8Array>(
    '{',
    '{"a":1,}',
    '{"a":1}{"a":1}',
    "{'a':1}",
    '\ufeff{}',
    'undefined',
    'x'.repeat(70_000),
    // One more than is taken, just so many, and far too many.
    JSON.stringify('x'.repeat(65_535)),
    JSON.stringify('x'.repeat(65_534)),
    JSON.stringify({ more: 'x'.repeat(500_000) }),
    '{}' + ' '.repeat(60_000),
    deep(30_000),
    Uint8Array.of(0x22, 0xc3, 0x28, 0x22),
    Uint8Array.of(0x22, 0xed, 0xa0, 0x80, 0x22),
    Uint8Array.of(0xff, 0xfe, 0x7b, 0x00, 0x7d, 0x00),
    Uint8Array.of(0x1f, 0x8b, 0x08, 0x00),
  ),
)

/** A piece of a path as it stands in it. Dots alone are left out: a URL takes them for a way up. */
export const hostileSegment: fc.Arbitrary<string> = fc.oneof(
  {
    weight: 3,
    arbitrary: hostileText
      .filter((text) => !['', '.', '..'].includes(text) && text.isWellFormed())
      .map((text) => encodeURIComponent(text)),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      '%',
      '%zz',
      '%00',
      '%c0%af',
      '%ed%a0%80',
      '%ff',
      '%e0%a4',
      '%0d%0aX-Injected:%201',
      'a%2fb',
      '..%2f..%2fholds',
      '%252e%252e',
      ';id=1',
      'a;b',
      '*',
      '@',
      ':id',
      '%5c',
      '+',
    ),
  },
)

/** A query that nobody writes who means well. */
export const hostileQuery: fc.Arbitrary<string> = fc.oneof(
  fc.constantFrom(
    '%',
    '%zz=1',
    'limit=%ff',
    'limit=1&limit=2',
    'limit[]=1',
    'limit[$gt]=1',
    'limit',
    '=',
    '&&&',
    '?',
    '__proto__[amount]=1',
    '__proto__=1',
    'constructor[prototype][a]=1',
    'a.b=1',
    'limit=1;status=FAILED',
    'cursor=%00',
    'cursor=W10',
    'from=%F0%9F%98%80',
    'a=1&'.repeat(1_500),
    `a${'[b]'.repeat(500)}=1`,
    `cursor=${'A'.repeat(300)}`,
  ),
  fc.tuple(hostileText, hostileText).map((pair) => new URLSearchParams([pair]).toString()),
)

/** What a header may carry at all. */
export const headerText: fc.Arbitrary<string> = fc
  .string({
    unit: fc.integer({ min: 0x21, max: 0xff }).map((code) => String.fromCharCode(code)),
    minLength: 1,
    maxLength: 300,
  })
  .filter((text) => !/[\x7f-\x9f]/.test(text))

/** A header that no contract asks for, or not for this route. */
export const hostileHeader: fc.Arbitrary<readonly [name: string, value: string]> = fc.oneof(
  fc.tuple(
    fc.constantFrom('x-request-id', 'idempotency-key', 'last-event-id', 'cookie', 'accept'),
    headerText,
  ),
  fc.tuple(
    fc.constantFrom('user-agent', 'x-forwarded-for', 'traceparent', 'baggage', 'x-client-address'),
    headerText,
  ),
  fc.constantFrom(
    ['x-http-method-override', 'DELETE'] as const,
    ['x-user-id', '00000000-0000-0000-0000-000000000000'] as const,
    ['x-forwarded-proto', 'gopher'] as const,
    ['forwarded', 'for="[::1]:x";host=evil.example'] as const,
    ['origin', 'https://evil.example'] as const,
    ['origin', 'null'] as const,
    ['sec-fetch-site', 'cross-site'] as const,
    ['accept', 'application/xml;q=1, */*;q=0'] as const,
    ['accept-encoding', 'br;q=1, identity;q=0'] as const,
    ['content-encoding', 'gzip'] as const,
    ['if-none-match', '*'] as const,
    ['if-modified-since', 'Thu, 31 Dec 2099 23:59:59 GMT'] as const,
    ['range', 'bytes=0-0'] as const,
    ['last-event-id', '999999999999999999'] as const,
    ['last-event-id', '9223372036854775808'] as const,
    ['traceparent', `00-${'0'.repeat(32)}-${'0'.repeat(16)}-01`] as const,
    ['tracestate', 'a=1,'.repeat(500)] as const,
    ['user-agent', 'x'.repeat(6_000)] as const,
    ['cookie', 'payflow_refresh=; payflow_refresh="; __proto__=1'] as const,
  ),
)

/** What stands where an access token should: nothing, another scheme, a token of nobody. */
export const hostileCredential: fc.Arbitrary<string | undefined> = fc.oneof(
  fc.constant(undefined),
  fc.constantFrom(
    'Bearer',
    'Bearer ',
    'Basic YTpi',
    'Bearer e30.e30.e30',
    'Bearer ..',
    'Bearer a.b',
    'Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.',
    'Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.AAAA',
    'Bearer eyJhbGciOiJFZERTQSIsImtpZCI6Ii4uLy4uL3gifQ.e30.AAAA',
    `Bearer ${'A'.repeat(6_000)}`,
  ),
  headerText,
  headerText.map((text) => `Bearer ${text}`),
)
