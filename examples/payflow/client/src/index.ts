/**
 * A client of the public API, typed by its OpenAPI document: paths, parameters, bodies, and the
 * problems each route may answer with. Works in browsers and in Node.
 *
 * @packageDocumentation
 */
import createClient, { type Client } from 'openapi-fetch'
import type { components, paths } from './api.gen.ts'

/** The paths of the API. */
export type ApiPath = keyof paths

/** The bodies of the API by name. */
export type ApiSchemas = components['schemas']

/** Options of {@link createApiClient}. */
export interface ApiClientOptions {
  /** Where the gateway is: scheme, host and port. */
  readonly baseUrl: string
  /** Sent as `Authorization: Bearer …`. @defaultValue none */
  readonly accessToken?: string
  /** Sends the requests. @defaultValue the global `fetch` */
  readonly fetch?: (request: Request) => Promise<Response>
}

/** `GET`, `POST` and `PUT` of every route. */
export type ApiClient = Client<paths>

/**
 * Creates a client. A call resolves to `{ data, response }` or `{ error, response }`, whatever the
 * status; nothing is ever repeated.
 *
 * @throws what `fetch` throws when no answer comes, and `SyntaxError` when a good answer is not
 * JSON.
 */
export function createApiClient({ baseUrl, accessToken, fetch }: ApiClientOptions): ApiClient {
  return createClient<paths>({
    baseUrl,
    ...(fetch && { fetch }),
    ...(accessToken !== undefined && { headers: { authorization: `Bearer ${accessToken}` } }),
  })
}
