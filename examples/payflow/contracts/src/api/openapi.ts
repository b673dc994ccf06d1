import type { z } from 'zod'
import { idempotencyKeyField } from '../fields.ts'
import { PROBLEMS, type ProblemCode } from '../problem-codes.ts'
import type { ApiAccess, ApiRoute, ApiTag } from './api-route.ts'
import { namedSchemas, schemaOf, schemaUri, type JsonSchema } from './openapi-schemas.ts'
import { answerHeaders, headerComponents, retryHeaders } from './openapi-headers.ts'
import { problemsOf } from './problems-of.ts'
import { API_OPERATIONS, apiRoute, type ApiOperation } from './routes.ts'

/** An OpenAPI 3.1 document, as JSON. */
export interface OpenApiDocument {
  readonly openapi: string
  readonly info: JsonSchema
  readonly paths: Readonly<Record<string, Readonly<Record<string, JsonSchema>>>>
  readonly components: JsonSchema
}

const tags: Readonly<Record<ApiTag, string>> = {
  Session: 'Who is logged in. Access tokens live for minutes, the refresh cookie for weeks.',
  Account: 'Password, sessions, and what happened to the account.',
  People: 'Whom money can be sent to.',
  Wallet: 'What somebody has.',
  Payments: 'Sending money, and what became of it.',
  Notifications: 'What happened, told to the people it happened to.',
  Status: 'Whether payments are executed as they should.',
}

const description = `Amounts are whole minor units: \`5000\` is $50.00. Lists are paged by opaque
cursors. Every error is a problem (RFC 9457, \`application/problem+json\`) whose \`code\` is one of
those listed at its route.

For a payment, 401, 408, 409, 425, 429 and 5xx mean "try again with the same key"; every other
answer is final.`

/** The OpenAPI 3.1 document of the public API. */
export function openApiDocument(): OpenApiDocument {
  const paths: Record<string, Record<string, JsonSchema>> = {}
  for (const operation of API_OPERATIONS) {
    const route = apiRoute(operation)
    const path = route.path.replaceAll(/:(\w+)/g, '{$1}')
    paths[path] = {
      ...paths[path],
      [route.method.toLowerCase()]: operationObject(operation, route),
    }
  }
  return {
    openapi: '3.1.1',
    info: {
      title: 'PayFlow',
      version: '1.0.0',
      summary: 'A wallet that sends money exactly once.',
      description,
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: '/', description: 'The gateway that serves this document' }],
    tags: Object.entries(tags).map(([name, text]) => ({ name, description: text })),
    paths,
    components: {
      schemas: namedSchemas(),
      headers: headerComponents,
      responses: sharedResponses(),
      securitySchemes: {
        accessToken: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' },
        refreshCookie: { type: 'apiKey', in: 'cookie', name: 'payflow_refresh' },
      },
    },
  } as OpenApiDocument
}

const security: Readonly<Record<ApiAccess, readonly JsonSchema[]>> = {
  anyone: [],
  session: [{ refreshCookie: [] }],
  user: [{ accessToken: [] }],
}

function operationObject(operation: ApiOperation, route: ApiRoute): JsonSchema {
  const { tag, summary, access, body } = route
  const parameters = parametersOf(route)
  return {
    operationId: operation,
    tags: [tag],
    summary,
    ...(route.description !== undefined && { description: route.description }),
    security: security[access],
    ...(parameters.length > 0 && { parameters }),
    ...(body && {
      requestBody: {
        required: true,
        content: { 'application/json': { schema: schemaOf(body, 'input') } },
      },
    }),
    responses: responsesOf(route),
  }
}

function parametersOf({ params, query, idempotencyKey, success }: ApiRoute): JsonSchema[] {
  return [
    ...fieldsOf(params, 'path'),
    ...fieldsOf(query, 'query'),
    ...(idempotencyKey
      ? [
          {
            name: 'Idempotency-Key',
            in: 'header',
            required: true,
            description: 'New for each payment, kept for its repetitions. One header.',
            schema: schemaOf(idempotencyKeyField, 'input'),
          },
        ]
      : []),
    ...(success.events ? [lastEventId] : []),
  ]
}

const lastEventId: JsonSchema = {
  name: 'Last-Event-ID',
  in: 'header',
  description: 'The id of the last event that was seen: the stream goes on after it.',
  schema: { type: 'string', pattern: '^[1-9][0-9]{0,17}$' },
}

/** The fields of an object schema as parameters. */
function fieldsOf(schema: z.ZodType | undefined, where: 'path' | 'query'): JsonSchema[] {
  if (!schema) return []
  const { properties = {}, required = [] } = schemaOf(schema, 'input') as {
    properties?: Record<string, JsonSchema>
    required?: string[]
  }
  return Object.entries(properties).map(([name, { description: text, ...field }]) => ({
    name,
    in: where,
    ...(required.includes(name) && { required: true }),
    ...(text !== undefined && { description: text }),
    schema: field,
  }))
}

function responsesOf(route: ApiRoute): Record<string, JsonSchema> {
  const { success } = route
  const responses: Record<string, JsonSchema> = {
    [success.status]: {
      description: success.description,
      headers: answerHeaders(route),
      ...(success.body && {
        content: { 'application/json': { schema: schemaOf(success.body, 'output') } },
      }),
      ...(success.events && {
        // What `data:` carries in each event; OpenAPI 3.1 has no words for the frame around it.
        content: { 'text/event-stream': { schema: schemaOf(success.events, 'output') } },
      }),
      ...(success.csv && { content: { 'text/csv': { schema: { type: 'string' } } } }),
    },
    ...(success.noneLeft !== undefined && { 204: { description: success.noneLeft } }),
  }
  for (const [status, codes] of byStatus(problemsOf(route))) {
    const [code] = codes
    const shared = codes.length === 1 && code !== undefined
    responses[status] = shared
      ? { $ref: `#/components/responses/${componentName(code)}` }
      : problemResponse(codes)
  }
  return responses
}

function byStatus(codes: readonly ProblemCode[]): [string, ProblemCode[]][] {
  return [...Map.groupBy(codes, (code) => String(PROBLEMS[code].status))]
}

/** The answers with one possible problem, which several routes share. */
function sharedResponses(): Record<string, JsonSchema> {
  const alone = API_OPERATIONS.flatMap((operation) => byStatus(problemsOf(apiRoute(operation))))
    .filter(([, codes]) => codes.length === 1)
    .flatMap(([, codes]) => codes)
  return Object.fromEntries(
    [...new Set(alone)].map((code) => [componentName(code), problemResponse([code])]),
  )
}

function componentName(code: ProblemCode): string {
  const words = code.split('-').map((word) => word.charAt(0).toUpperCase() + word.slice(1))
  return words.join('')
}

function problemResponse(codes: readonly ProblemCode[]): JsonSchema {
  const snake = codes.map((code) => code.replaceAll('-', '_'))
  const lines = codes.map((code, at) => `\`${snake[at]}\`: ${PROBLEMS[code].title}.`)
  return {
    description: lines.length === 1 ? lines.join('') : lines.map((line) => `- ${line}`).join('\n'),
    headers: retryHeaders(codes),
    content: {
      'application/problem+json': {
        schema: {
          allOf: [
            { $ref: schemaUri('Problem') },
            { type: 'object', properties: { code: { enum: snake } }, required: ['code'] },
          ],
        },
      },
    },
  }
}
